import { bitsOf } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import { countOf } from "../ip/interval.ts";
import { type AddressRange, parseRange } from "../ip/range.ts";
import { err, ok, type Result } from "../result.ts";

/** How a network is to be used. */
export type Wish = {
  /** Prefix length of the block that each node gets (`node_slice_size`); absent: all nodes share the range. */
  readonly slice?: number;
  readonly podsPerNode?: number;
};

/** What fits into one range. Counts are bigint: an IPv6 range has more addresses than a number can say. */
export type Capacity = {
  readonly range: string;
  /** Addresses that can be handed out. */
  readonly addresses: bigint;
  readonly slices?: bigint;
  readonly addressesPerSlice?: bigint;
  /** Nodes that fit with that many pods each; with slices as many as there are slices for them. */
  readonly nodes?: bigint;
  /** Slices that one node needs for its pods. */
  readonly slicesPerNode?: bigint;
  readonly pods: bigint;
};

/** Computes what fits, or says which text or number cannot be right. */
export function capacityOf(text: string, wish: Wish): Result<Capacity, string> {
  const parsed = parseRange(text);
  if (!parsed.ok) return err(`${text}: ${parsed.error.hint}`);
  const range = parsed.value;
  const addresses = countOf([range]);
  const { slice, podsPerNode } = wish;
  const shown = text.includes("-") ? text : formatCidr(range.network);
  if (slice === undefined) {
    const nodes = podsPerNode === undefined ? undefined : addresses / BigInt(podsPerNode);
    return ok({ range: shown, addresses, pods: addresses, ...(nodes !== undefined && { nodes }) });
  }
  const bits = bitsOf(range.network.family);
  if (slice < range.network.prefix || slice > bits - 2) {
    return err(`${text}: a slice here is a /${range.network.prefix} to a /${bits - 2}, not a /${slice}`);
  }
  const addressesPerSlice = (1n << BigInt(bits - slice)) - 2n;
  const slices = slicesIn(range, slice);
  const slicesPerNode =
    podsPerNode === undefined ? 1n : (BigInt(podsPerNode) + addressesPerSlice - 1n) / addressesPerSlice;
  const nodes = slices / slicesPerNode;
  const pods = podsPerNode === undefined ? slices * addressesPerSlice : nodes * BigInt(podsPerNode);
  return ok({ range: shown, addresses, slices, addressesPerSlice, slicesPerNode, nodes, pods });
}

/** Whole slices inside the range; one that a bound cuts is not counted. Network and broadcast address may lie in the outer ones. */
function slicesIn({ network, first, last }: AddressRange, slice: number): bigint {
  const size = 1n << BigInt(bitsOf(network.family) - slice);
  const from = (first - 1n + size - 1n) / size;
  const to = (last + 2n) / size;
  return to > from ? to - from : 0n;
}
