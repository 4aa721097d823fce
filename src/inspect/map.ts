import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import type { Pool } from "../allocation/pool.ts";
import { hasExpired, QUARANTINE, reservationOf } from "../allocation/reservation.ts";
import { addressOf, bitsOf, formatAddress } from "../ip/address.ts";
import { type Cidr, contains, formatCidr, lastOf, networkOf } from "../ip/cidr.ts";
import { countOf, type Interval, subtract } from "../ip/interval.ts";
import type { PoolRules } from "./networks.ts";

/**
 * What an address is. `vanished`: held by a pod that is gone; `elsewhere`: held in another pool that shares addresses with this
 * one; `unusable`: never handed out by these networks.
 */
export type AddressState =
  | "free"
  | "held"
  | "vanished"
  | "elsewhere"
  | "reserved"
  | "quarantined"
  | "gateway"
  | "excluded"
  | "unusable";

/** One address of the map. */
export type AddressCell = {
  readonly address: string;
  readonly state: AddressState;
  /** Who holds it, or why it is not handed out. */
  readonly note?: string;
};

/** Many addresses as one cell. Counts are texts. */
export type BlockCell = {
  readonly block: string;
  readonly used: string;
  readonly size: string;
  /** Used part of what can be handed out, 0 to 1. */
  readonly fill: number;
  readonly state: "free" | "held" | "excluded";
};

export type PoolMap = {
  /** The part of the pool that is shown, and how one came there: the whole pool first. */
  readonly block: string;
  readonly path: readonly string[];
  readonly cells: readonly AddressCell[] | readonly BlockCell[];
  readonly kind: "addresses" | "blocks";
};

/** A block up to this size shows its addresses; a larger one shows blocks. Powers of two, as exponents. */
const ADDRESSES = 10;
const SMALLEST_BLOCK = 8;
const BLOCKS = 8;

export type MapRequest = {
  readonly pool: Pool;
  /** Of the pool, ascending by address. */
  readonly claims: readonly Claim[];
  readonly rules?: PoolRules | undefined;
  /** Whether the pod of a claim is known to be gone. */
  readonly isGone: (claim: Claim) => boolean;
  /** What other pools hold of a part of this one, ascending by address. */
  readonly elsewhere?: (block: Cidr) => readonly Claim[];
  readonly now: number;
  /** The part to show; absent: where the addresses are. */
  readonly block?: Cidr | undefined;
};

/** The map of one part of a pool. Its size does not depend on the pool's: there are never more than 1024 cells. */
export function mapOf(request: MapRequest): PoolMap {
  const { pool, claims } = request;
  const block = request.block ?? busiest(pool.range, claims);
  const hostBits = bitsOf(block.family) - block.prefix;
  const path = pathTo(pool.range, block).map(formatCidr);
  if (hostBits <= ADDRESSES) {
    return { block: formatCidr(block), path, kind: "addresses", cells: addressCells(request, block) };
  }
  const cells = childrenOf(block).map((child) => blockCell(child, request));
  return { block: formatCidr(block), path, kind: "blocks", cells };
}

/** The blocks that a block is shown as: 256 at most. */
function childrenOf(block: Cidr): Cidr[] {
  const bits = bitsOf(block.family);
  const childBits = childHostBits(bits - block.prefix);
  const count = 2 ** (bits - block.prefix - childBits);
  return Array.from({ length: count }, (_, index) => {
    const base = block.base + (BigInt(index) << BigInt(childBits));
    return networkOf(addressOf(block.family, base), bits - childBits);
  });
}

function childHostBits(hostBits: number): number {
  return Math.max(hostBits - BLOCKS, SMALLEST_BLOCK);
}

/** The blocks that one opens in turn to come from the whole pool to a part of it. */
function pathTo(whole: Cidr, block: Cidr): Cidr[] {
  const bits = bitsOf(whole.family);
  const path = [whole];
  for (let at = whole; at.prefix < block.prefix; ) {
    const hostBits = bits - at.prefix;
    if (hostBits <= ADDRESSES) break;
    const prefix = Math.min(block.prefix, bits - childHostBits(hostBits));
    at = networkOf(addressOf(block.family, block.base), prefix);
    path.push(at);
  }
  return path;
}

/** In a huge pool the addresses lie close together: the smallest block on the way down that has them all. */
function busiest(whole: Cidr, claims: readonly Claim[]): Cidr {
  const first = claims[0]?.address;
  const last = claims.at(-1)?.address;
  if (!first || !last) return whole;
  let block = whole;
  const bits = bitsOf(whole.family);
  for (let hostBits = bits - whole.prefix; hostBits > 16; hostBits = bits - block.prefix) {
    const child = networkOf(first, bits - childHostBits(hostBits));
    if (!contains(child, last)) break;
    block = child;
  }
  return block;
}

function addressCells(request: MapRequest, block: Cidr): AddressCell[] {
  const { pool, claims, rules, isGone, now } = request;
  const others = new Map(request.elsewhere?.(block).map((claim) => [claim.address.value, claim]));
  const cells: AddressCell[] = [];
  const last = lastOf(block);
  let at = firstAtLeast(claims, block.base);
  for (let value = block.base; value <= last; value++) {
    const address = formatAddress(addressOf(block.family, value));
    const claim = claims[at];
    if (claim && claim.address.value === value) {
      at++;
      cells.push({ address, ...heldState(claim, isGone, now) });
    } else if (others.has(value)) {
      const other = others.get(value);
      const note =
        other && `${podRef(other.owner.pod) || "a reservation"} in ${formatCidr(other.pool.range)}`;
      cells.push({ address, state: "elsewhere", ...(note !== undefined && { note }) });
    } else {
      const state = unheldState(pool, value, rules);
      const note = NOTES[state];
      cells.push({ address, state, ...(note !== undefined && { note }) });
    }
  }
  return cells;
}

const NOTES: Partial<Record<AddressState, string>> = {
  gateway: "gateway",
  excluded: "excluded",
  unusable: "never handed out",
};

function heldState(
  claim: Claim,
  isGone: (claim: Claim) => boolean,
  now: number,
): { state: AddressState; note: string } {
  const reservation = reservationOf(claim);
  if (reservation) {
    const ended = hasExpired(claim, now) ? ", ended" : "";
    const state = reservation.by === QUARANTINE ? "quarantined" : "reserved";
    return { state, note: `${reservation.by}: ${reservation.reason}${ended}` };
  }
  const note = `${podRef(claim.owner.pod)} ${claim.owner.ifname}`;
  return isGone(claim) ? { state: "vanished", note } : { state: "held", note };
}

function unheldState({ range }: Pool, value: bigint, rules: PoolRules | undefined): AddressState {
  if (value === range.base || value === lastOf(range)) return "unusable";
  if (!rules) return "free";
  if (rules.gateways.some((gateway) => gateway.family === range.family && gateway.value === value))
    return "gateway";
  if (within(rules.excluded, value)) return "excluded";
  return within(rules.free, value) ? "free" : "unusable";
}

function blockCell(block: Cidr, { pool, claims, rules }: MapRequest): BlockCell {
  const whole = { first: block.base, last: lastOf(block) };
  const used = BigInt(firstAtLeast(claims, whole.last + 1n) - firstAtLeast(claims, whole.first));
  const usable = countOf(usableIn(whole, pool, rules));
  const fill = usable > 0n ? Math.min(1, Number((used * 10_000n) / usable) / 10_000) : Number(used > 0n);
  return {
    block: formatCidr(block),
    used: String(used),
    size: String(usable),
    fill,
    state: used > 0n ? "held" : usable === 0n ? "excluded" : "free",
  };
}

function usableIn(whole: Interval, { range }: Pool, rules: PoolRules | undefined): readonly Interval[] {
  const free = rules?.free ?? [{ first: range.base + 1n, last: lastOf(range) - 1n }];
  const outside = subtract(whole, free);
  return subtract(whole, outside);
}

function within(intervals: readonly Interval[], value: bigint): boolean {
  return intervals.some(({ first, last }) => first <= value && value <= last);
}

/** Index of the first claim whose address is at least `value`. */
export function firstAtLeast(claims: readonly Claim[], value: bigint): number {
  let low = 0;
  let high = claims.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = claims[middle]?.address.value;
    if (at !== undefined && at < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
