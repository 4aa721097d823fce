import type { LeaseTimes } from "../lease.ts";
import type { Random } from "../machine.ts";
import { type Association, FOREVER, type IaAddress, type Lifetimes } from "./options.ts";

/** How a message is repeated: RFC 8415 section 7.6, in milliseconds. `most` transmissions; 0 is no bound. */
export type Repetition = { readonly first: number; readonly longest: number; readonly most: number };

export const REQUEST: Omit<Repetition, "first"> = { longest: 30_000, most: 10 };
export const RENEW: Repetition = { first: 10_000, longest: 600_000, most: 0 };
export const REBIND: Repetition = RENEW;
/** CNF_MAX_RD, ten seconds, ends it as well. */
export const CONFIRM: Repetition = { first: 1_000, longest: 4_000, most: 0 };
export const CONFIRM_PATIENCE = 10_000;
export const GIVE_BACK: Repetition = { first: 1_000, longest: 0, most: 4 };

/**
 * RT: the wait after a transmission, given the one before (0 for the first). RFC 8415 section 15: it doubles with a tenth of
 * jitter either way, up to `longest` (0: without bound); the first SOLICIT must not wait less than `first` (section 18.2.1).
 */
export function nextWait(
  { first, longest }: Omit<Repetition, "most">,
  previous: number,
  random: Random,
  isSolicit = false,
): number {
  const jitter = random() * 0.2 - 0.1;
  if (previous === 0) return first * (1 + (isSolicit ? Math.abs(jitter) : jitter));
  const next = previous * (2 + jitter);
  return longest > 0 && next > longest ? longest * (1 + jitter) : next;
}

/** The server is taken to mean this where it says less: shorter leases cannot be kept by renewing. In seconds. */
const SHORTEST_LEASE = 5;
/** RFC 8415 section 21.4: what servers should state, taken where they leave it to the client (0). */
const DEFAULT_T1 = 0.5;
const DEFAULT_T2 = 0.8;
/** T1 comes earlier by up to this share, so that pods that started together do not renew together. */
const FUZZ = 0.04;

/** `note` says what the server stated and was not taken over. */
export function readTimes(
  { t1, t2 }: Pick<Association<IaAddress>, "t1" | "t2">,
  { preferred, valid }: Lifetimes,
  since: number,
  random: Random,
): { readonly times: LeaseTimes; readonly note?: string } {
  const lease = Math.max(valid, SHORTEST_LEASE);
  const basis = preferred > 0 ? Math.min(Math.max(preferred, SHORTEST_LEASE), lease) : lease;
  const [half, most] = basis === FOREVER ? [FOREVER, FOREVER] : [basis * DEFAULT_T1, basis * DEFAULT_T2];
  const [first, second] = [t1 || half, t2 || Math.max(most, t1)];
  const inOrder = first >= 1 && first <= second && (second < lease || valid === FOREVER);
  const [renew, rebind] = inOrder ? [first, second] : [half, most];
  const times: LeaseTimes = {
    obtainedAt: since,
    ...(renew < FOREVER && { renewAt: since + Math.round(renew * 1000 * (1 - random() * FUZZ)) }),
    ...(rebind < FOREVER && { rebindAt: since + Math.round(rebind * 1000) }),
    ...(preferred < FOREVER && { preferredUntil: since + preferred * 1000 }),
    ...(valid < FOREVER && { expiresAt: since + lease * 1000 }),
  };
  if (valid < SHORTEST_LEASE) return { times, note: `a lease of ${valid} s is taken as ${SHORTEST_LEASE} s` };
  if (inOrder) return { times };
  return { times, note: `T1 ${t1} s and T2 ${t2} s do not fit a lease of ${lease} s: defaults are taken` };
}
