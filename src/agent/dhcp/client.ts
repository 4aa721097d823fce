import type { Clock } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { PhaseName } from "../../dhcp/machine.ts";
import type { Log } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { Result } from "../../result.ts";
import { Driver, type LeaseEvents } from "./driver.ts";
import { sendFrom } from "./from-afar.ts";
import { Port } from "./port.ts";
import type { ClientState, Protocol } from "./protocol.ts";
import { protocol4 } from "./protocol4.ts";
import { protocol6 } from "./protocol6.ts";
import { type LeaseRecord, refOf } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

/** The client of one lease, of DHCPv4 or DHCPv6. */
export interface Client {
  phase(): PhaseName;
  /** Gets a lease. */
  start(): void;
  /** Has a lease from before confirmed. */
  reboot(lease: Lease): void;
  /** Goes on with a lease from before as its time says: in silence until T1. One whose time is over is lost. */
  hold(lease: Lease): void;
  /** Tells the server; an error if the interface is gone. */
  release(): Promise<Result<void, NetnsError>>;
  stop(): void;
  /** Where the last message came from. */
  source(): Uint8Array | undefined;
}

export type ClientOptions = {
  readonly clock: Clock;
  readonly settings: DhcpSettings;
  readonly events: LeaseEvents;
  /** The MAC address that the server's last answer came from. */
  readonly via: () => Uint8Array | undefined;
  readonly log: Log;
  readonly malformed: (why: string) => void;
};

export function openClient(record: LeaseRecord, options: ClientOptions): Client {
  const { settings, clock, via } = options;
  return record.family === 4
    ? clientOf(record, protocol4(record, settings, clock, via), options)
    : clientOf(record, protocol6(record, settings, clock), options);
}

function clientOf<State extends ClientState, Message, Sent extends { readonly kind: "send" }>(
  record: LeaseRecord,
  protocol: Protocol<State, Message, Sent>,
  { clock, events, log, malformed }: ClientOptions,
): Client {
  const port = new Port({
    at: refOf(record),
    protocol,
    clock,
    received: (message, from) => driver.dispatch({ kind: "packet", message, from }),
    malformed,
  });
  const driver = new Driver({ protocol, port, clock, events, log });
  return {
    phase: () => driver.phase,
    start: () => driver.dispatch({ kind: "start" }),
    reboot: (lease) => driver.dispatch({ kind: "reboot", lease }),
    hold: (lease) => driver.resume(protocol.bound(lease)),
    release: () => driver.release(),
    stop: () => driver.stop(),
    source: () => port.source,
  };
}

/**
 * Gives back the lease of an interface that is gone: the same frame, sent from the node's interface to the same network, the bridge or
 * the master of a macvlan. The error is for people. A server that is reached from the pod alone hears nothing of it.
 */
export function releaseFromAfar(
  record: LeaseRecord,
  lease: Lease,
  settings: DhcpSettings,
  clock: Clock,
): Result<void, string> {
  const via = () => (record.via === undefined ? undefined : Uint8Array.fromHex(record.via));
  return record.family === 4
    ? sendRelease(record, lease, protocol4(record, settings, clock, via), clock)
    : sendRelease(record, lease, protocol6(record, settings, clock), clock);
}

function sendRelease<State extends ClientState, Message, Sent extends { readonly kind: "send" }>(
  { parent }: LeaseRecord,
  lease: Lease,
  { bound, step, ethertype, frameFromAfar }: Protocol<State, Message, Sent>,
  clock: Clock,
): Result<void, string> {
  const { effects } = step(bound(lease), { kind: "release" }, clock.elapsed(), clock.random);
  const frames = effects.flatMap((effect) => (effect.kind === "send" ? [frameFromAfar(effect)] : []));
  return sendFrom(parent, ethertype, frames);
}
