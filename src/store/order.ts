import type { Claim } from "../allocation/claim.ts";
import type { Pool } from "../allocation/pool.ts";

/** Network name, family, network address, prefix: the order in which people read pools. */
export function comparePools(a: Pool, b: Pool): number {
  if (a === b) return 0; // nearly always, in a long list
  return (
    compare(a.networkName, b.networkName) ||
    a.range.family - b.range.family ||
    compare(a.range.base, b.range.base) ||
    a.range.prefix - b.range.prefix
  );
}

export function compareClaims(a: Claim, b: Claim): number {
  return comparePools(a.pool, b.pool) || compare(a.address.value, b.address.value);
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
