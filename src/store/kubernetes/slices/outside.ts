import type { Want } from "../../../allocation/claim.ts";
import type { Family } from "../../../ip/address.ts";
import { type Cidr, lastOf } from "../../../ip/cidr.ts";
import type { Interval } from "../../../ip/interval.ts";
import { poolName, poolPrefix } from "../../../kube/names.ts";
import type { PoolRecord } from "../pool-record.ts";
import type { State } from "../state.ts";
import { mayBeIn, type SlicePool, sameRange } from "./slice-pools.ts";

/** An IPPool object, and where in it addresses are held. */
export type PoolUse = {
  readonly name: string;
  readonly range: Cidr;
  /** The node that an entry names: that of all, in the pool of a slice; "" if none is named. */
  readonly node: string;
  readonly held: readonly Interval[];
};

/**
 * The pools of a realm in which addresses are held though they are no slice that a node has: pools without slices, and slices
 * that no NodeSlicePool lists any more. No slice may be cut where they hold something. `isNode`: whether a node is or was called so.
 */
export function poolsOutside(
  realm: string,
  family: Family,
  pools: Iterable<PoolUse>,
  slicePools: Iterable<SlicePool>,
  isNode: (name: string) => boolean,
): PoolUse[] {
  const given = new Set<string>();
  for (const pool of slicePools) {
    if (!mayBeIn(pool, realm)) continue;
    for (const { node, range } of pool.slices) {
      if (node !== "") given.add(poolName({ networkName: realm, node, range }));
    }
  }
  const isOfRealm = ({ name, range, node }: PoolUse) => {
    const prefix = poolPrefix(name, range);
    // The name is a digest: it may be any.
    if (prefix === undefined || prefix === realm) return true;
    const rest = realm === "" ? prefix : prefix.startsWith(`${realm}-`) && prefix.slice(realm.length + 1);
    return rest !== false && (rest === node || isNode(rest));
  };
  // Where addresses lie is worked out last, of the few pools for which it counts.
  return [...pools].filter(
    (pool) =>
      pool.range.family === family && !given.has(pool.name) && isOfRealm(pool) && pool.held.length > 0,
  );
}

/**
 * Pools without slices from which addresses of the want's range may be given too. `overlapCheck`: of whichever range; then each
 * address of a slice has to be reserved before it is given.
 */
export function poolsBeside({ pool }: Want, state: State, overlapCheck: boolean): PoolRecord[] {
  return [...state.pools()].filter(({ pool: { range, networkName, node } }) => {
    if (node !== undefined || networkName !== pool.networkName || range.family !== pool.range.family)
      return false;
    if (!overlapCheck) return sameRange(range, pool.range);
    return range.base <= lastOf(pool.range) && lastOf(range) >= pool.range.base;
  });
}

/** An IPPool as a node knows it. */
export function useOf(record: PoolRecord): PoolUse {
  const { name, pool, used } = record;
  const [first] = record.entries();
  return {
    name,
    range: pool.range,
    node: first?.allocation.node ?? "",
    get held() {
      return [...used.runs()];
    },
  };
}
