import { type Address, formatAddress } from "../../ip/address.ts";
import { type Lease, sameConfiguration } from "../lease.ts";
import { after, clamped, earliest, type Failure, intended, into, log, type Moment } from "../machine.ts";
import type { Message } from "./message.ts";
import type { IaAddress } from "./options.ts";
import { readLease } from "./read-lease.ts";
import { confirm, giveBack, rebind, renew, request, solicit } from "./requests.ts";
import type { Advert, Attempt, ClientConfig, ClientEffect, ClientStep, Exchange, Phase } from "./state.ts";
import { CONFIRM, CONFIRM_PATIENCE, GIVE_BACK, nextWait, REBIND, RENEW, REQUEST } from "./times.ts";

/** The ways into each state: what is sent then (RFC 8415 section 18.2), and when the client wakes next. */

/** For how long the driver may look for duplicates. */
const PROBE_PATIENCE = 15_000;

export function newAttempt({ timing }: ClientConfig, now: number, wish?: Address): Attempt {
  return { since: now, deadline: now + timing.budget, restarts: 0, ...(wish && { wish }) };
}

/** SOLICIT to all servers. RFC 8415 has the first one delayed by up to a second; a pod waits. */
export function select(config: ClientConfig, attempt: Attempt, at: Moment): ClientStep {
  return selectAgain(config, attempt, newExchange(at), at);
}

export function selectAgain(
  config: ClientConfig,
  attempt: Attempt,
  exchange: Exchange,
  at: Moment,
): ClientStep {
  const { firstWait, longestWait } = config.timing;
  const repetition = { first: firstWait, longest: attempt.longestWait ?? longestWait };
  const next = oneMore(exchange, nextWait(repetition, exchange.wait, at.random, true), at);
  const sent = solicit(config, next, at.now, attempt);
  const phase: Phase = { name: "selecting", attempt, exchange: next, adverts: [] };
  return into(config, phase, at, earliest(at.now + next.wait, attempt.deadline), sent);
}

/** REQUEST what a server advertised. */
export function take(
  config: ClientConfig,
  attempt: Attempt,
  advert: Advert,
  others: readonly Advert[],
  at: Moment,
): ClientStep {
  return takeAgain(config, attempt, newExchange(at), advert, others, at);
}

export function takeAgain(
  config: ClientConfig,
  attempt: Attempt,
  exchange: Exchange,
  advert: Advert,
  others: readonly Advert[],
  at: Moment,
): ClientStep {
  const repetition = { first: config.timing.firstWait, longest: REQUEST.longest };
  const next = oneMore(exchange, nextWait(repetition, exchange.wait, at.random), at);
  const phase: Phase = { name: "requesting", attempt, exchange: next, advert, others };
  const wakeAt = earliest(at.now + next.wait, attempt.deadline);
  const before = exchange.sent === 0 ? [intended(askedFor(advert), at.now)] : [];
  return after(before, into(config, phase, at, wakeAt, request(config, next, at.now, advert)));
}

/** The advertisement came to nothing: the next one, or all over again. */
export function takeNext(
  config: ClientConfig,
  phase: Extract<Phase, { name: "requesting" }>,
  failure: Failure,
  at: Moment,
): ClientStep {
  const attempt = { ...phase.attempt, failure };
  const [advert, ...others] = phase.others;
  if (advert !== undefined) return take(config, attempt, advert, others, at);
  return startOver(config, attempt, at);
}

/** At once for the first time, then later and later. */
export function startOver(config: ClientConfig, attempt: Attempt, at: Moment): ClientStep {
  const next = { ...attempt, restarts: attempt.restarts + 1 };
  if (attempt.restarts === 0) return select(config, next, at);
  const { firstWait, longestWait } = config.timing;
  const wait = Math.min(firstWait * 2 ** Math.min(attempt.restarts - 1, 30), longestWait);
  return into(config, { name: "waiting", attempt: next }, at, earliest(at.now + wait, attempt.deadline));
}

/** The budget is used up. */
export function fail(config: ClientConfig, attempt: Attempt, at: Moment): ClientStep {
  const seconds = ((at.now - attempt.since) / 1000).toFixed(1);
  const failure = attempt.failure ?? {
    code: "no_answer",
    hint: `no DHCPv6 server answered within ${seconds} s`,
  };
  return into(config, { name: "idle" }, at, undefined, { kind: "failed", failure });
}

/** A REPLY gave an address: look for duplicates first, or use it at once. */
export function accept(
  config: ClientConfig,
  phase: Extract<Phase, { name: "selecting" | "requesting" }>,
  message: Message,
  from: Address,
  item: IaAddress,
  at: Moment,
): ClientStep {
  // A SOLICIT may have been repeated for hours: its lease counts from the last one.
  const since = phase.name === "selecting" ? phase.exchange.lastSentAt : phase.exchange.since;
  const { lease, note } = readLease(config, message, from, item, since, at.random);
  const notes = clamped(lease, note);
  if (!config.probe) return after(notes, bind(config, lease, at));
  const checking: Phase = { name: "checking", attempt: phase.attempt, lease };
  const probe: ClientEffect = { kind: "probe", address: item.address };
  return after(notes, into(config, checking, at, at.now + PROBE_PATIENCE, probe));
}

export function bind(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  return after([{ kind: "bound", lease }], keep(config, lease, at));
}

/** A REPLY extended the lease, perhaps with other contents. */
export function extend(
  config: ClientConfig,
  phase: Extract<Phase, { name: "renewing" | "rebinding" }>,
  message: Message,
  from: Address,
  item: IaAddress,
  at: Moment,
): ClientStep {
  const previous = phase.lease;
  const { lease, note } = readLease(config, message, from, item, phase.exchange.since, at.random);
  const kind = sameConfiguration(lease, previous) ? "renewed" : "changed";
  return after([...clamped(lease, note), { kind, lease, previous }], keep(config, lease, at));
}

/** Bound, RENEW, REBIND or the end, as the time says. */
export function keep(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  const { renewAt, rebindAt, expiresAt } = lease.times;
  if (expiresAt !== undefined && at.now >= expiresAt) return lose(config, lease, "expired", at);
  if (rebindAt !== undefined && at.now >= rebindAt)
    return ask(config, lease, "rebinding", newExchange(at), at);
  if (renewAt !== undefined && at.now >= renewAt) return ask(config, lease, "renewing", newExchange(at), at);
  return into(config, { name: "bound", lease }, at, renewAt);
}

/** RENEW until T2, REBIND until the end. */
export function ask(
  config: ClientConfig,
  lease: Lease,
  name: "renewing" | "rebinding",
  exchange: Exchange,
  at: Moment,
): ClientStep {
  const repetition = name === "renewing" ? RENEW : REBIND;
  const next = oneMore(exchange, nextWait(repetition, exchange.wait, at.random), at);
  const limit = name === "renewing" ? lease.times.rebindAt : lease.times.expiresAt;
  const make = name === "renewing" ? renew : rebind;
  const wakeAt = earliest(at.now + next.wait, limit);
  return into(config, { name, lease, exchange: next }, at, wakeAt, make(config, next, at.now, lease));
}

/** A lease known from before: CONFIRM it, or REBIND it where it has a prefix (section 18.2.12). */
export function reboot(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  const { expiresAt } = lease.times;
  if (expiresAt !== undefined && at.now >= expiresAt) return lose(config, lease, "expired", at);
  if (lease.delegated.length > 0) return ask(config, lease, "rebinding", newExchange(at), at);
  return rebootAgain(config, lease, newExchange(at), at);
}

export function rebootAgain(config: ClientConfig, lease: Lease, exchange: Exchange, at: Moment): ClientStep {
  // Section 18.2.3: without an answer the addresses may be used for the rest of their time.
  const limit = exchange.since + CONFIRM_PATIENCE;
  if (at.now >= limit) return after([{ kind: "kept", lease }], keep(config, lease, at));
  const next = oneMore(exchange, nextWait(CONFIRM, exchange.wait, at.random), at);
  const phase: Phase = { name: "rebooting", lease, exchange: next };
  const wakeAt = earliest(at.now + next.wait, earliest(limit, lease.times.expiresAt));
  return into(config, phase, at, wakeAt, confirm(config, next, at.now, lease));
}

/** The address is no longer ours. Another is wanted, for as long as it takes. */
export function lose(config: ClientConfig, lease: Lease, reason: "nak" | "expired", at: Moment): ClientStep {
  const attempt = { since: at.now, restarts: 0, wish: lease.address.address };
  return after([{ kind: "lost", lease, reason }], select(config, attempt, at));
}

/** Another host has the address: DECLINE until the server answers, then ask again. */
export function refuse(config: ClientConfig, lease: Lease, attempt: Attempt, at: Moment): ClientStep {
  const address = formatAddress(lease.address.address);
  const failure: Failure = { code: "conflict", hint: `${address} is used by another host` };
  const { wish: _, ...rest } = attempt;
  return after(
    [log("address declined", { address, server: formatAddress(lease.server) })],
    declineAgain(config, lease, { ...rest, failure }, newExchange(at), at),
  );
}

export function declineAgain(
  config: ClientConfig,
  lease: Lease,
  attempt: Attempt,
  exchange: Exchange,
  at: Moment,
): ClientStep {
  if (exchange.sent >= GIVE_BACK.most) return startOver(config, attempt, at);
  const next = oneMore(exchange, nextWait(GIVE_BACK, exchange.wait, at.random), at);
  const phase: Phase = { name: "declining", attempt, lease, exchange: next };
  const wakeAt = earliest(at.now + next.wait, attempt.deadline);
  return into(config, phase, at, wakeAt, giveBack(config, "DECLINE", next, at.now, lease));
}

/** RELEASE until the server answers or four went out. */
export function release(config: ClientConfig, lease: Lease, exchange: Exchange, at: Moment): ClientStep {
  if (exchange.sent >= GIVE_BACK.most) return released(config, lease, at);
  const next = oneMore(exchange, nextWait(GIVE_BACK, exchange.wait, at.random), at);
  const phase: Phase = { name: "releasing", lease, exchange: next };
  return into(config, phase, at, at.now + next.wait, giveBack(config, "RELEASE", next, at.now, lease));
}

export function released(config: ClientConfig, lease: Lease, at: Moment): ClientStep {
  return into(config, { name: "idle" }, at, undefined, { kind: "released", lease });
}

export function newExchange({ now, random }: Moment): Exchange {
  return { xid: Math.floor(random() * 2 ** 24), sent: 0, since: now, lastSentAt: now, wait: 0 };
}

function askedFor({ address, from, serverDuid, prefixes }: Advert) {
  return {
    family: 6,
    address: { address, prefix: 128 },
    server: from,
    serverDuid: serverDuid.toHex(),
    delegated: prefixes.map((prefix) => ({ prefix })),
  } as const;
}

function oneMore(exchange: Exchange, wait: number, { now }: Moment): Exchange {
  return { ...exchange, sent: exchange.sent + 1, lastSentAt: now, wait };
}
