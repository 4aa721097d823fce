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
import { releaseSlowly } from "../../netns/datagrams.ts";
import { describeErrno } from "../../netns/error.ts";
import { ETHERTYPE } from "../../netns/ethernet.ts";
import { NOTHING } from "../../netns/filter.ts";
import { ownInterface } from "../../netns/interface.ts";
import { errno, send } from "../../netns/libc.ts";
import { openPacketSocket } from "../../netns/sockets.ts";
import { err, ok, type Result } from "../../result.ts";
import type { Client, ClientOptions } from "./client.ts";
import { Driver } from "./driver.ts";
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
    resume: (lease) => {
      const { renewAt, expiresAt } = lease.times;
      const now = clock.elapsed();
      const confirm = renewAt !== undefined && now >= renewAt && (expiresAt === undefined || now < expiresAt);
      if (confirm) driver.dispatch({ kind: "reboot", lease });
      else driver.resume(boundTo(config, lease));
    },
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
  settings: DhcpSettings,
  clock: Clock,
): Result<void, string> {
  const { lease, parent, via } = record;
  if (lease === undefined) return ok(undefined);
  if (parent === undefined) return err("no interface of the node is known to reach the same network");
  const link = ownInterface(parent);
  if (!link.ok) return err(link.error.message);
  const config = configOf(record, settings);
  const { effects } = step(boundTo(config, lease), { kind: "release" }, clock.elapsed(), clock.random);
  const socket = openPacketSocket(link.value.index, ETHERTYPE.ipv4, NOTHING);
  if (!socket.ok) return err(socket.error.message);
  try {
    for (const effect of effects) {
      if (effect.kind !== "send") continue;
      const frame = frameOf(effect, config.mac, via === undefined ? undefined : Uint8Array.fromHex(via));
      if (!send(socket.value, frame)) return err(`${parent}: ${describeErrno(errno())}`);
    }
    return ok(undefined);
  } finally {
    releaseSlowly(socket.value);
  }
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
