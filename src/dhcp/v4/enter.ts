import { type Address, formatAddress } from "../../ip/address.ts";
import { type Lease, sameConfiguration } from "../lease.ts";
import {
  type Attempt,
  after,
  clamped,
  earliest,
  type Failure,
  intended,
  into,
  log,
  type Moment,
} from "../machine.ts";
import type { Message } from "./message.ts";
import { readLease } from "./read-lease.ts";
import { decline, discover, requestAgain, requestMore, requestOffer } from "./requests.ts";
import type { ClientConfig, ClientEffect, ClientStep, Exchange, Offer, Phase } from "./state.ts";
import { backoff, readTimes, renewalWait } from "./times.ts";

/** The ways into each state of RFC 2131 figure 5: what is sent then, and when the client wakes next. */

/** Transmissions of a REQUEST before the offer is given up, or the lease of a reboot is kept unconfirmed. */
export const MOST_REQUESTS = 4;
/** For how long the driver may probe. RFC 5227 needs nine seconds at most. */
const PROBE_PATIENCE = 15_000;

export function newAttempt({ timing }: ClientConfig, now: number, wish?: Address): Attempt {
  return { since: now, deadline: now + timing.budget, restarts: 0, ...(wish && { wish }) };
}

/** INIT and SELECTING: ask all servers. */
export function select(config: ClientConfig, attempt: Attempt, at: Moment): ClientStep {
  return selectAgain(config, attempt, newExchange(at, attempt.since), at);
}

/** One more DISCOVER of an exchange. */
export function selectAgain(
  config: ClientConfig,
  attempt: Attempt,
  exchange: Exchange,
  at: Moment,
): ClientStep {
  const next = oneMore(exchange);
  const sent = discover(config, next, at.now, attempt.wish);
  const wakeAt = earliest(at.now + backoff(config.timing, next.sent, at.random), attempt.deadline);
  return into(config, { name: "selecting", attempt, exchange: next }, at, wakeAt, sent);
}

/** REQUESTING: take an offer. */
export function request(
  config: ClientConfig,
  attempt: Attempt,
  exchange: Exchange,
  offer: Offer,
  others: readonly Offer[],
  at: Moment,
): ClientStep {
  const next = oneMore(exchange);
  const wakeAt = earliest(at.now + backoff(config.timing, next.sent, at.random), attempt.deadline);
  const phase: Phase = { name: "requesting", attempt, exchange: next, offer, others };
  const { address, server } = offer;
  const asked = { family: 4, address: { address, prefix: 32 }, server, delegated: [] } as const;
  const before = exchange.sent === 0 ? [intended(asked, at.now)] : [];
  return after(before, into(config, phase, at, wakeAt, requestOffer(config, next, at.now, offer)));
}

/** The offer came to nothing: the next one, or all over again. */
export function nextOffer(
  config: ClientConfig,
  phase: Extract<Phase, { name: "requesting" }>,
  failure: Failure,
  at: Moment,
): ClientStep {
  const attempt = { ...phase.attempt, failure };
  const [offer, ...others] = phase.others;
  if (offer === undefined) return startOver(config, attempt, at);
  const exchange = { xid: phase.exchange.xid, sent: 0, since: at.now };
  return request(config, attempt, exchange, offer, others, at);
}

/** INIT once more: at once for the first time, then later and later, so that two that disagree do not flood the network. */
export function startOver(config: ClientConfig, attempt: Attempt, at: Moment): ClientStep {
  const next = { ...attempt, restarts: attempt.restarts + 1 };
  if (attempt.restarts === 0) return select(config, next, at);
  return wait(config, next, backoff(config.timing, attempt.restarts, at.random), at);
}

function wait(config: ClientConfig, attempt: Attempt, ms: number, at: Moment): ClientStep {
  return into(config, { name: "waiting", attempt }, at, earliest(at.now + ms, attempt.deadline));
}

/** The budget is used up. */
export function fail(config: ClientConfig, attempt: Attempt, at: Moment): ClientStep {
  const seconds = ((at.now - attempt.since) / 1000).toFixed(1);
  const failure = attempt.failure ?? {
    code: "no_answer",
    hint: `no DHCP server answered within ${seconds} s`,
  };
  return into(config, { name: "idle" }, at, undefined, { kind: "failed", failure });
}

/** An ACK came: probe the address first, or use it at once. */
export function accept(
  config: ClientConfig,
  phase: Extract<Phase, { name: "requesting" }>,
  message: Message,
  at: Moment,
): ClientStep {
  const { times, note } = readTimes(message.options, phase.exchange.since, at.random);
  const lease = readLease(message, times);
  const notes = clamped(lease, note);
  if (!config.probe) return after(notes, bind(config, lease, at));
  const checking: Phase = { name: "checking", attempt: phase.attempt, lease };
  const probe: ClientEffect = { kind: "probe", address: lease.address.address };
  return after(notes, into(config, checking, at, at.now + PROBE_PATIENCE, probe));
}

/** BOUND for the first time. */
export function bind(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  return after([{ kind: "bound", lease }], keep(config, lease, at));
}

/** An ACK extended the lease, perhaps with other contents. */
export function extend(
  config: ClientConfig,
  previous: Lease,
  exchange: Exchange,
  message: Message,
  at: Moment,
): ClientStep {
  const { times, note } = readTimes(message.options, exchange.since, at.random);
  const lease = readLease(message, times, previous);
  const kind = sameConfiguration(lease, previous) ? "renewed" : "changed";
  const notes = clamped(lease, note);
  return after([...notes, { kind, lease, previous }], keep(config, lease, at));
}

/** BOUND, RENEWING, REBINDING or the end, as the time says. */
export function keep(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  const { renewAt, rebindAt, expiresAt } = lease.times;
  if (expiresAt !== undefined && at.now >= expiresAt) return lose(config, lease, "expired", at);
  if (rebindAt !== undefined && at.now >= rebindAt) return ask(config, lease, "rebinding", at);
  if (renewAt !== undefined && at.now >= renewAt) return ask(config, lease, "renewing", at);
  return into(config, { name: "bound", lease }, at, renewAt);
}

/**
 * RENEWING or REBINDING: ask for more time. Each try is an exchange of its own, so that an answer counts from the try that it
 * belongs to.
 */
export function ask(
  config: ClientConfig,
  lease: Lease,
  name: "renewing" | "rebinding",
  at: Moment,
): ClientStep {
  const exchange = oneMore(newExchange(at, at.now));
  const { rebindAt, expiresAt } = lease.times;
  const limit = name === "renewing" ? rebindAt : expiresAt;
  const wakeAt = earliest(at.now + renewalWait(lease.times, (limit ?? at.now) - at.now), limit);
  const sent = requestMore(config, exchange, at.now, lease, name);
  return into(config, { name, lease, exchange }, at, wakeAt, sent);
}

/** INIT-REBOOT: have a lease confirmed that is known from before. */
export function reboot(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  return rebootAgain(config, lease, newExchange(at, at.now), at);
}

export function rebootAgain(config: ClientConfig, lease: Lease, exchange: Exchange, at: Moment): ClientStep {
  const { expiresAt } = lease.times;
  if (expiresAt !== undefined && at.now >= expiresAt) return lose(config, lease, "expired", at);
  // RFC 2131 section 3.2: without an answer the lease may be used for the rest of its time.
  if (exchange.sent >= MOST_REQUESTS) return after([{ kind: "kept", lease }], keep(config, lease, at));
  const next = oneMore(exchange);
  const wakeAt = earliest(at.now + backoff(config.timing, next.sent, at.random), expiresAt);
  const sent = requestAgain(config, next, at.now, lease);
  return into(config, { name: "rebooting", lease, exchange: next }, at, wakeAt, sent);
}

/** The address is no longer ours. Another is wanted, for as long as it takes. */
export function lose(config: ClientConfig, lease: Lease, reason: "nak" | "expired", at: Moment): ClientStep {
  const attempt = { since: at.now, restarts: 0, wish: lease.address.address };
  return after([{ kind: "lost", lease, reason }], select(config, attempt, at));
}

/** Another host has the address: tell the server, wait, ask again (RFC 2131 section 3.1 item 5). */
export function refuse(config: ClientConfig, lease: Lease, attempt: Attempt, at: Moment): ClientStep {
  const address = formatAddress(lease.address.address);
  const failure: Failure = {
    code: "conflict",
    hint: `${address}, which ${formatAddress(lease.server)} gave, is used by another host`,
  };
  const { wish: _, ...rest } = attempt;
  const next = { ...rest, failure, restarts: attempt.restarts + 1 };
  const sent = decline(config, newExchange(at, at.now), at.now, lease);
  return after(
    [log("address declined", { address, server: formatAddress(lease.server) }), sent],
    wait(config, next, config.timing.declineWait, at),
  );
}

export function newExchange({ random }: Moment, since: number): Exchange {
  return { xid: Math.floor(random() * 2 ** 32), sent: 0, since };
}

function oneMore(exchange: Exchange): Exchange {
  return { ...exchange, sent: exchange.sent + 1 };
}
