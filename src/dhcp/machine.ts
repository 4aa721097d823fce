import { type Address, formatAddress } from "../ip/address.ts";
import type { LogFields, LogLevel } from "../log.ts";
import type { Lease } from "./lease.ts";

/**
 * The shapes that both clients share. A client is a pure machine:
 *
 *     step(state, event, now, random) -> { state, effects }
 *
 * The driver carries the effects out in their order, keeps the state, and sends `timer` once `state.wakeAt` has come.
 * `now` is in milliseconds of a clock that should not jump (Clock.elapsed); `random` draws from [0, 1).
 */
export type Step<State, Sent> = { readonly state: State; readonly effects: readonly Effect<Sent>[] };

export type Random = () => number;

/** When a step is taken, and by which chances. */
export type Moment = { readonly now: number; readonly random: Random };

/** A client between two steps. */
export type State<Config, Phase> = {
  readonly config: Config;
  readonly phase: Phase;
  /** When the next `timer` is wanted; absent: not at all. */
  readonly wakeAt?: number;
};

/** What happened, `Message` being what came from the network. */
export type Event<Message> =
  /** Get a lease. Starts anew from whatever state, without a release. */
  | { readonly kind: "start" }
  /** Take up a lease that is known from before; the interface may still carry it. */
  | { readonly kind: "reboot"; readonly lease: Lease }
  /** Something was received; `from` is the source address of the packet. */
  | { readonly kind: "packet"; readonly message: Message; readonly from: Address }
  /** `wakeAt` has come. Too early or twice does no harm. */
  | { readonly kind: "timer" }
  /** The answer to a `probe`: whether another host uses the address. */
  | { readonly kind: "probed"; readonly address: Address; readonly conflict: boolean }
  /** Another host uses the address that is bound (RFC 5227 section 2.4): decline it and get another. */
  | { readonly kind: "conflict"; readonly address: Address }
  /** The link came back: confirm the lease (RFC 2131 section 3.2, RFC 8415 section 18.2.3). */
  | { readonly kind: "linkUp" }
  /** Renew now, whatever T1 says. */
  | { readonly kind: "renew" }
  /** Give the lease back and end. */
  | { readonly kind: "release" };

/** What the driver has to do, `Sent` being what goes to the network. */
export type Effect<Sent> =
  | Sent
  /**
   * What is sent next has the server give this away: the lease as far as it is known, to be written down before, so that it can be
   * given back whatever happens to the client.
   */
  | { readonly kind: "intend"; readonly lease: Lease }
  /** Find out whether another host uses the address (RFC 5227, RFC 4862 section 5.4) and answer with `probed`. */
  | { readonly kind: "probe"; readonly address: Address }
  /** There is a lease and the interface is to carry it. */
  | { readonly kind: "bound"; readonly lease: Lease }
  /** The same lease for longer. */
  | { readonly kind: "renewed"; readonly lease: Lease; readonly previous: Lease }
  /** The server changed address, prefix, routes, DNS or MTU; the interface is to follow. */
  | { readonly kind: "changed"; readonly lease: Lease; readonly previous: Lease }
  /** Nobody confirmed the lease of `reboot` or `linkUp`: it serves for the rest of its time. */
  | { readonly kind: "kept"; readonly lease: Lease }
  /** The address must not be used any more. The machine goes on and tries to get another, without end. */
  | { readonly kind: "lost"; readonly lease: Lease; readonly reason: "nak" | "expired" | "conflict" }
  /** No lease within the budget; the machine is idle. */
  | { readonly kind: "failed"; readonly failure: Failure }
  /** `release` is done; the machine is idle. DHCPv6 waits up to 15 s for the server's word before it says so. */
  | { readonly kind: "released"; readonly lease?: Lease }
  | { readonly kind: "log"; readonly level: LogLevel; readonly msg: string; readonly fields: LogFields };

/** Why no lease was had. `hint` says what the last answers were, as a sentence. */
export type Failure = {
  readonly code: "no_answer" | "refused" | "unacceptable" | "conflict";
  readonly hint: string;
};

/** An acquisition under way, however many times it starts over. */
export type Attempt = {
  readonly since: number;
  /** Absent: tries without end. */
  readonly deadline?: number;
  /** How often it had to start over: NAK, conflict, answer not acceptable. */
  readonly restarts: number;
  /** The last reason why it did not end yet. */
  readonly failure?: Failure;
  /** The address to ask for, if the server will. */
  readonly wish?: Address;
};

/** The states of RFC 2131 figure 5 and their like in DHCPv6, for people and metrics. */
export type PhaseName =
  | "idle"
  | "waiting"
  | "selecting"
  | "requesting"
  | "checking"
  | "declining"
  | "bound"
  | "renewing"
  | "rebinding"
  | "rebooting"
  | "releasing";

/** The sooner of a time and a limit, where there is one. */
export function earliest(at: number, limit: number | undefined): number {
  return limit === undefined ? at : Math.min(at, limit);
}

/** Timers of JavaScript end at 2^31 ms; waking early does no harm. */
const LONGEST_SLEEP = 2 ** 31 - 1;

/** The state that a client goes into, when it wakes next, and what is to be done on the way. */
export function into<Config, Phase, Sent>(
  config: Config,
  phase: Phase,
  { now }: Moment,
  wakeAt?: number,
  ...effects: readonly Effect<Sent>[]
): Step<State<Config, Phase>, Sent> {
  const wake = wakeAt === undefined ? {} : { wakeAt: Math.min(wakeAt, now + LONGEST_SLEEP) };
  return { state: { config, phase, ...wake }, effects };
}

/** The step, its effects behind others. */
export function after<S, Sent>(effects: readonly Effect<Sent>[], step: Step<S, Sent>): Step<S, Sent> {
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** Nothing happens. */
export function unchanged<S>(state: S): Step<S, never> {
  return { state, effects: [] };
}

export function log(msg: string, fields: LogFields): Effect<never> {
  return { kind: "log", level: "verbose", msg, fields };
}

/** What a server stated of the times of a lease and was not taken over. */
export function clamped(lease: Lease, note: string | undefined): Effect<never>[] {
  return note ? [log("lease times clamped", { server: formatAddress(lease.server), note })] : [];
}

/** A lease that was asked for: all that is known of it before the server has answered. */
export function intended(
  asked: Pick<Lease, "family" | "address" | "server" | "serverDuid" | "delegated">,
  now: number,
): Effect<never> {
  const lease = { ...asked, routes: [], dns: {}, ntp: [], times: { obtainedAt: now }, options: {} };
  return { kind: "intend", lease };
}
