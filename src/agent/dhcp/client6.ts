import type { Clock } from "../../clock.ts";
import { linkLocalOf } from "../../dhcp/frame6.ts";
import type { Lease } from "../../dhcp/lease.ts";
import {
  type ClientConfig,
  type ClientState,
  clientConfig,
  type Message,
  newClient,
  type Send,
  step,
} from "../../dhcp/v6/index.ts";
import { ETHERTYPE } from "../../netns/ethernet.ts";
import type { Result } from "../../result.ts";
import type { Client, ClientOptions } from "./client.ts";
import { Driver } from "./driver.ts";
import { sendFrom } from "./from-afar.ts";
import { frame6Of, Port6 } from "./port6.ts";
import type { LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

export function openClient6(record: LeaseRecord, options: ClientOptions): Client {
  const { clock, settings, events, log, malformed } = options;
  const config = configOf(record, settings);
  const { netns, identity, index } = record;
  const port = new Port6({
    at: { netns, identity, index },
    mac: Uint8Array.fromHex(record.mac),
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

/** See `releaseFromAfar4`. The server's confirmation finds nobody. */
export function releaseFromAfar6(
  record: LeaseRecord,
  lease: Lease,
  settings: DhcpSettings,
  clock: Clock,
): Result<void, string> {
  const mac = Uint8Array.fromHex(record.mac);
  const bound = boundTo(configOf(record, settings), lease);
  const { effects } = step(bound, { kind: "release" }, clock.elapsed(), clock.random);
  const frames = effects.flatMap((effect) =>
    effect.kind === "send" ? [frame6Of(effect, mac, linkLocalOf(mac))] : [],
  );
  return sendFrom(record.parent, ETHERTYPE.ipv6, frames);
}

function boundTo(config: ClientConfig, lease: Lease): ClientState {
  const { renewAt } = lease.times;
  return { config, phase: { name: "bound", lease }, ...(renewAt !== undefined && { wakeAt: renewAt }) };
}

/** `provide` and `request` are numbers of DHCPv4 options, which mean other things here. */
function configOf(record: LeaseRecord, { firstWait, longestWait, budget }: DhcpSettings): ClientConfig {
  return clientConfig({
    duid: Uint8Array.fromHex(record.client),
    ifname: `${record.network}/${record.ifname}`,
    probe: false,
    timing: { longestWait, budget, ...(firstWait !== undefined && { firstWait }) },
  });
}
