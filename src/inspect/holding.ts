import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { reservationOf } from "../allocation/reservation.ts";
import { formatAddress } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";

/** Who held an address from when to when. */
export type Holding = {
  readonly address: string;
  /** `namespace/name`, or by whom it was reserved. */
  readonly pod: string;
  readonly uid?: string;
  readonly interface: string;
  readonly node: string;
  readonly pool: string;
  readonly networkName: string;
  readonly sandbox: string;
  /** ISO 8601; "": before anybody looked. */
  readonly from: string;
  /** Absent: still. */
  readonly until?: string;
};

/** Who holds it, as the history calls them. */
export function holderName(claim: Claim): string {
  const reservation = reservationOf(claim);
  return reservation ? `reserved by ${reservation.by}` : podRef(claim.owner.pod);
}

/** A claim as a holding that has not ended; `from`: milliseconds since 1970, where the claim itself does not know. */
export function holdingOf(claim: Claim, from = 0): Holding {
  const { owner, pool, node, since } = claim;
  const { uid } = owner.pod;
  return {
    address: formatAddress(claim.address),
    pod: holderName(claim),
    ...(uid !== undefined && { uid }),
    interface: owner.ifname,
    node,
    pool: formatCidr(pool.range),
    networkName: pool.networkName,
    sandbox: owner.sandbox,
    from: isoOf(since > 0 ? since : from),
  };
}

/** What several sources know of the same holdings, each holding once, newest first. */
export function mergeHoldings(holdings: readonly Holding[]): Holding[] {
  const merged: Holding[] = [];
  for (const group of Map.groupBy(holdings, keyOf).values()) {
    const sorted = group.toSorted((a, b) => (a.from < b.from ? -1 : 1));
    let last: Holding | undefined;
    for (const holding of sorted) {
      if (last === undefined || !meet(last, holding)) {
        if (last) merged.push(last);
        last = holding;
      } else last = joined(last, holding);
    }
    if (last) merged.push(last);
  }
  return merged.sort((a, b) => (a.from > b.from ? -1 : a.from < b.from ? 1 : 0));
}

/** Whether the address was held at that time, in milliseconds since 1970. */
export function wasHeldAt({ from, until }: Holding, at: number): boolean {
  const ended = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
  return (from === "" ? Number.NEGATIVE_INFINITY : Date.parse(from)) <= at && at < ended;
}

function keyOf({ address, pod, interface: name, pool, networkName }: Holding): string {
  return JSON.stringify([address, pod, name, pool, networkName]);
}

/** `a` began first. */
function meet(a: Holding, b: Holding): boolean {
  if (a.uid !== undefined && b.uid !== undefined && a.uid !== b.uid) return false;
  return a.from === b.from || a.until === undefined || b.from < a.until;
}

/** An end that one of them knows counts; the rest is that of the one with the whole name of its sandbox. */
function joined(a: Holding, b: Holding): Holding {
  const [base, other] = b.sandbox.length > a.sandbox.length ? [b, a] : [a, b];
  const until = base.until ?? other.until;
  const uid = base.uid ?? other.uid;
  return {
    ...base,
    node: base.node || other.node,
    from: a.from || b.from,
    ...(uid !== undefined && { uid }),
    ...(until !== undefined && { until }),
  };
}

function isoOf(time: number): string {
  return time > 0 ? new Date(time).toISOString() : "";
}
