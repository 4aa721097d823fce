import type { LeaseTimes } from "../lease.ts";
import type { Random } from "../machine.ts";
import { OPTION } from "./message.ts";
import { type Options, readSeconds } from "./options.ts";
import type { Timing } from "./state.ts";

/** What upstream takes where a server names no time. */
const DEFAULT_LEASE = 3600;
/** Less than this cannot be kept by renewing; the server is taken to mean it. */
const SHORTEST_LEASE = 5;
const INFINITE = 0xffff_ffff;
/** RFC 2131 section 4.4.5. */
const DEFAULT_T1 = 0.5;
const DEFAULT_T2 = 0.875;
/** T1 comes earlier by up to this share, so that pods that started together do not renew together (RFC 2131: "fuzz"). */
const FUZZ = 0.04;
/** RFC 2131 section 4.4.5: how long to wait at least between two tries to extend a lease. */
const RENEWAL_WAIT = 60_000;

/**
 * T1, T2 and the end of a lease that was asked for at `since`, in milliseconds. `note` says what the server stated and was
 * not taken over.
 */
export function readTimes(
  options: Options,
  since: number,
  random: Random,
): { readonly times: LeaseTimes; readonly note?: string } {
  const stated = readSeconds(options, OPTION.leaseTime);
  if (stated === INFINITE) return { times: { obtainedAt: since } };
  const lease = Math.max(stated ?? DEFAULT_LEASE, SHORTEST_LEASE);
  const t1 = readSeconds(options, OPTION.renewalTime) ?? lease * DEFAULT_T1;
  const t2 = readSeconds(options, OPTION.rebindingTime) ?? lease * DEFAULT_T2;
  const inOrder = t1 >= 1 && t1 < t2 && t2 < lease;
  const [renew, rebind] = inOrder ? [t1, t2] : [lease * DEFAULT_T1, lease * DEFAULT_T2];
  const times = {
    obtainedAt: since,
    renewAt: since + Math.round(renew * 1000 * (1 - random() * FUZZ)),
    rebindAt: since + Math.round(rebind * 1000),
    expiresAt: since + lease * 1000,
  };
  if (stated === undefined) return { times, note: `no lease time: ${DEFAULT_LEASE} s are assumed` };
  if (stated < SHORTEST_LEASE)
    return { times, note: `a lease of ${stated} s is taken as ${SHORTEST_LEASE} s` };
  if (inOrder) return { times };
  return {
    times,
    note: `T1 ${t1} s and T2 ${t2} s do not fit a lease of ${lease} s: half and 7/8 are taken`,
  };
}

/** The wait after `sent` transmissions: doubling, with a jitter of a second or a quarter (RFC 2131 section 4.1). */
export function backoff({ firstWait, longestWait }: Timing, sent: number, random: Random): number {
  const wait = Math.min(firstWait * 2 ** Math.min(sent - 1, 30), longestWait);
  return wait + (random() * 2 - 1) * Math.min(1000, wait / 4);
}

/**
 * The wait between two tries to extend a lease: half of what is left until T2 or the end, but a minute, or for a short lease
 * a sixteenth of it (RFC 2131 section 4.4.5).
 */
export function renewalWait({ obtainedAt, expiresAt }: LeaseTimes, left: number): number {
  const whole = expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt - obtainedAt;
  return Math.max(left / 2, Math.min(RENEWAL_WAIT, whole / 16), 500);
}
