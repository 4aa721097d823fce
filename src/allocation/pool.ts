import { bitsOf, type Family } from "../ip/address.ts";
import { type Cidr, formatCidr } from "../ip/cidr.ts";

/**
 * A pool: the addresses of one network range under one `network_name` ("" being one too), or of the slice of it that a
 * node owns (Fast IPAM).
 */
export type Pool = {
  readonly networkName: string;
  /** Set for a slice; its realm is the network's. */
  readonly node?: string;
  readonly range: Cidr;
};

declare const brand: unique symbol;

/** The name of a set of addresses within which each has one owner: a pool, or all pools of a realm. */
export type Space = string & { readonly [brand]: "Space" };

/** The space of one pool. The text before the first "@" has none, so no two pools share a name. */
export function poolSpace(pool: Pool): Space {
  const known = names.get(pool);
  if (known !== undefined) return known;
  // As the object of a slice is called: whoever reads that knows no better than to take both for the network's name.
  const scope = [pool.networkName, pool.node ?? ""].filter((part) => part !== "").join("-");
  const name = `${formatCidr(pool.range)}@${scope}` as Space;
  names.set(pool, name);
  return name;
}

// Planning asks for the name of one pool many times, and formatting IPv6 is the dearest part of it.
const names = new WeakMap<Pool, Space>();

/** The space of a realm: all pools of a `network_name` that check for overlap, one family at a time. */
export function realmSpace(networkName: string, family: Family): Space {
  return `${family}@${networkName}` as Space;
}

/**
 * The spaces in which an address of the pool must be free: always its pool's, and the realm's unless
 * `enable_overlapping_ranges` is false, which makes the range a realm of its own.
 */
export function spacesOf(pool: Pool, overlapCheck: boolean): readonly Space[] {
  const own = poolSpace(pool);
  return overlapCheck ? [realmSpace(pool.networkName, pool.range.family), own] : [own];
}

export function samePool(a: Pool, b: Pool): boolean {
  return poolSpace(a) === poolSpace(b);
}

/** A pool for people: its range, and its network name where it has one. */
export function describePool(pool: Pool): string {
  const network = pool.networkName === "" ? "" : ` of ${pool.networkName}`;
  const node = pool.node === undefined ? "" : ` on ${pool.node}`;
  return `${formatCidr(pool.range)}${network}${node}`;
}

/** How many addresses a pool can hand out: all but network and broadcast address. */
export function poolCapacity({ range }: Pool): bigint {
  return (1n << BigInt(bitsOf(range.family) - range.prefix)) - 2n;
}
