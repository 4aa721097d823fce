import { addressOf, bitsOf } from "../ip/address.ts";
import { type Cidr, lastOf, networkOf } from "../ip/cidr.ts";
import { type Interval, intersect } from "../ip/interval.ts";

/** A range that is cut into slices, one or more for each node (Fast IPAM). */
export type SliceSpace = {
  readonly network: Cidr;
  /** Prefix length of a slice; not shorter than the network's. */
  readonly prefix: number;
  /** What of the network may be handed out: bounds, exclude and gateway taken out; ascending and disjoint. */
  readonly free: readonly Interval[];
};

/**
 * What a node may hand out of its slice. The first and last address of a slice stay unused, as in whereabouts, whose
 * plugin takes a slice for a network of its own.
 */
export function usableOf(slice: Cidr, free: readonly Interval[]): Interval[] {
  return intersect({ first: slice.base + 1n, last: lastOf(slice) - 1n }, free);
}

/**
 * How many slices there are at most: those that `free` reaches into, the few included of which it has only the first or last address.
 * The cost depends on the number of intervals.
 */
export function slicesIn({ network, prefix, free }: SliceSpace): bigint {
  const size = 1n << BigInt(bitsOf(network.family) - prefix);
  let count = 0n;
  let next = 0n; // the first slice that is not counted yet
  for (const { first, last } of free) {
    const from = (first - network.base) / size;
    const to = (last - network.base) / size;
    const start = from > next ? from : next;
    if (to < start) continue;
    count += to - start + 1n;
    next = to + 1n;
  }
  return count;
}

/**
 * The lowest slice that has an address to hand out and touches nothing of `taken` (ascending and disjoint). Slices are
 * never listed: the cost depends on the number of intervals, not on the size of the network. `isBarred`: few are.
 */
export function lowestSlice(
  { network, prefix, free }: SliceSpace,
  taken: readonly Interval[],
  isBarred: (slice: Cidr) => boolean = () => false,
): Cidr | undefined {
  const size = 1n << BigInt(bitsOf(network.family) - prefix);
  const indexOf = (value: bigint) => (value - network.base) / size;
  let run = 0;
  let index = 0n;
  for (const [at, { first, last }] of free.entries()) {
    if (indexOf(first) > index) index = indexOf(first);
    while (network.base + index * size <= last) {
      const slice = networkOf(addressOf(network.family, network.base + index * size), prefix);
      while (run < taken.length && (taken[run]?.last ?? 0n) < slice.base) run++;
      const next = taken[run];
      if (next && next.first <= lastOf(slice)) {
        index = indexOf(next.last) + 1n;
      } else if (usableOf(slice, free.slice(at)).length > 0 && !isBarred(slice)) {
        return slice;
      } else {
        index++;
      }
    }
  }
  return undefined;
}
