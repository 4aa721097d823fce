import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { poolCapacity } from "../allocation/pool.ts";
import { reservationOf } from "../allocation/reservation.ts";
import { formatAddress } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { PoolUsage } from "../store/store.ts";

/** A pool as `-o json` and the page show it. Counts are texts: an IPv6 pool has more addresses than JSON numbers can say. */
export type PoolRecord = {
  readonly network: string;
  readonly range: string;
  readonly total: string;
  readonly used: string;
  readonly free: string;
  /** Percent with one digit. */
  readonly full: string;
};

/** A held address, likewise. */
export type ClaimRecord = {
  readonly address: string;
  /** `namespace/name`; "" for a reservation. */
  readonly pod: string;
  readonly uid?: string;
  readonly interface: string;
  readonly network: string;
  readonly networkName: string;
  readonly pool: string;
  readonly node: string;
  /** ISO 8601. */
  readonly since: string;
  readonly sandbox: string;
  readonly reserved?: { readonly by: string; readonly reason: string; readonly until?: string };
};

export function poolRecord({ pool, used }: PoolUsage): PoolRecord {
  const { range, networkName } = pool;
  const total = poolCapacity(pool);
  return {
    network: networkName === "" ? "-" : networkName,
    range: formatCidr(range),
    total: String(total),
    used: String(used),
    free: String(total - used),
    full: `${Number((used * 1000n) / total) / 10}%`,
  };
}

export function claimRecord(claim: Claim): ClaimRecord {
  const { owner, pool } = claim;
  const reservation = reservationOf(claim);
  const reserved = reservation && {
    by: reservation.by,
    reason: reservation.reason,
    ...(reservation.until !== undefined && { until: new Date(reservation.until).toISOString() }),
  };
  return {
    address: formatAddress(claim.address),
    pod: podRef(owner.pod),
    ...(owner.pod.uid !== undefined && { uid: owner.pod.uid }),
    interface: reserved ? "" : owner.ifname,
    network: claim.network,
    networkName: pool.networkName,
    pool: formatCidr(pool.range),
    node: claim.node,
    since: new Date(claim.since).toISOString(),
    sandbox: reserved ? "" : owner.sandbox,
    ...(reserved && { reserved }),
  };
}
