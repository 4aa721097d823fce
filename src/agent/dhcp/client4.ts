import type { Clock } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import {
  type ClientConfig,
  type ClientState,
  clientConfig,
  type Message,
  newClient,
  type Send,
  step,
} from "../../dhcp/v4/index.ts";
import { ETHERTYPE } from "../../netns/ethernet.ts";
import type { Result } from "../../result.ts";
import type { Client, ClientOptions } from "./client.ts";
import { Driver } from "./driver.ts";
import { sendFrom } from "./from-afar.ts";
import { frameOf, Port4 } from "./port4.ts";
import type { LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

export function openClient4(record: LeaseRecord, options: ClientOptions): Client {
  const { clock, settings, events, via, log, malformed } = options;
  const config = configOf(record, settings);
  const { netns, identity, index } = record;
  const port = new Port4({
    at: { netns, identity, index },
    mac: config.mac,
    via,
    clock,
    received: (message, from) => driver.dispatch({ kind: "packet", message, from }),
    malformed,
  });
  const driver = new Driver<ClientState, Message, Send>({
    state: newClient(config),
    step,
    port,
    clock,
    events,
    log,
  });
  return {
    phase: () => driver.phase,
    start: () => driver.dispatch({ kind: "start" }),
    reboot: (lease) => driver.dispatch({ kind: "reboot", lease }),
    hold: (lease) => driver.resume(boundTo(config, lease)),
    release: () => driver.release(),
    stop: () => driver.stop(),
    source: () => port.source,
  };
}

/**
 * Gives back the lease of an interface that is gone: the same frame, sent from the node's interface to the same network, the bridge or
 * the master of a macvlan. The error is for people. A server that is reached from the pod alone hears nothing of it.
 */
export function releaseFromAfar4(
  record: LeaseRecord,
  lease: Lease,
  settings: DhcpSettings,
  clock: Clock,
): Result<void, string> {
  const config = configOf(record, settings);
  const via = record.via === undefined ? undefined : Uint8Array.fromHex(record.via);
  const { effects } = step(boundTo(config, lease), { kind: "release" }, clock.elapsed(), clock.random);
  const frames = effects.flatMap((effect) =>
    effect.kind === "send" ? [frameOf(effect, config.mac, via)] : [],
  );
  return sendFrom(record.parent, ETHERTYPE.ipv4, frames);
}

function boundTo(config: ClientConfig, lease: Lease): ClientState {
  const { renewAt } = lease.times;
  return { config, phase: { name: "bound", lease }, ...(renewAt !== undefined && { wakeAt: renewAt }) };
}

function configOf(record: LeaseRecord, settings: DhcpSettings): ClientConfig {
  const provide = Object.entries(record.provide).map(([code, value]): [number, Uint8Array] => {
    return [Number(code), Uint8Array.fromHex(value)];
  });
  return clientConfig({
    mac: Uint8Array.fromHex(record.mac),
    clientId: Uint8Array.fromHex(record.client),
    hostName: record.hostName,
    request: record.request,
    provide: new Map(provide),
    broadcast: record.broadcast || settings.broadcast,
    probe: record.probe,
    timing: {
      longestWait: settings.longestWait,
      budget: settings.budget,
      ...(settings.firstWait !== undefined && { firstWait: settings.firstWait }),
    },
  });
}
