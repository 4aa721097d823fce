import { lowestSlice } from "../allocation/slices.ts";
import { type Cidr, formatCidr } from "../ip/cidr.ts";
import { normalise } from "../ip/interval.ts";
import { poolName } from "../kube/names.ts";
import type { ObjectReference } from "../kube/objects.ts";
import { type PoolUse, poolsOutside } from "../store/kubernetes/slices/outside.ts";
import {
  intervalOf,
  mayBeIn,
  type Slice,
  type SlicePool,
  type SliceRequest,
  sameRange,
  type TakenBack,
  takenIn,
} from "../store/kubernetes/slices/slice-pools.ts";
import { type Group, type Tale, warning } from "./groups.ts";

/** What serving looks at; `pools` as they will be, `before` as they are: each is a write of its own, in no certain order. */
export type Around = {
  readonly pools: readonly SlicePool[];
  readonly before: readonly SlicePool[];
  readonly requests: readonly SliceRequest[];
  readonly use: (pool: string) => { readonly count: number } | undefined;
  readonly uses: () => Iterable<PoolUse>;
  readonly isNode: (name: string) => boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whether a node has been gone for so long that it gives no address any more. */
  readonly isGone: (node: string) => boolean;
};

export type Served = {
  /** The slices as they should be; the same list if nothing changes. */
  readonly slices: readonly Slice[];
  readonly answered: readonly SliceRequest[];
  readonly takenBack: TakenBack;
  /** Whether somebody waits for what will be free in a moment. */
  readonly isWaiting: boolean;
};

/**
 * Milliseconds for which a slice does not go to the node that has just returned it: its word may have been sent twice, and arrive
 * when the node uses the slice again.
 */
const COOLING = 30_000;

/**
 * Takes back what nodes return and what nodes that are gone had, unless an address in it is held, and gives a slice to each node
 * that asks for one. `isOpen`: whether any is given at present.
 */
export function serve(
  pool: SlicePool,
  group: Group | undefined,
  isOpen: boolean,
  around: Around,
  tales: Tale[],
): Served {
  const requests = around.requests.filter(
    (request) => request.pool === pool.name && sameRange(request.range, pool.range),
  );
  const back = takeBack(pool, group, requests, around);
  let { slices } = back;
  const answered = [...back.answered];
  let space: Space | undefined;
  let isWaiting = false;
  for (const request of requests) {
    const { node, returns } = request;
    if (returns) continue;
    if (slices.filter((slice) => slice.node === node).length > request.have) {
      answered.push(request);
      continue;
    }
    if (!group || !isOpen) continue;
    answered.push(request);
    space ??= spaceOf({ ...pool, slices, takenBack: back.takenBack }, group, requests, around);
    const range = sharedSlice({ ...pool, slices }, group, around, node) ?? space.next(node);
    if (range === undefined && Object.keys(back.takenBack).some((key) => key.startsWith(`${node} `))) {
      answered.pop(); // what it has just returned it can have in a moment
      isWaiting = true;
      continue;
    }
    if (range === undefined) {
      const about = { apiVersion: pool.object.apiVersion, kind: pool.object.kind, ...idOf(pool) };
      const why = `no slice is left for the node ${node}: enlarge ${formatCidr(pool.range)} or make node_slice_size smaller`;
      tales.push({ about, text: warning("SlicesExhausted", why) });
      continue;
    }
    slices = [...slices.filter((slice) => !sameRange(slice.range, range)), { node, range }];
  }
  return { slices, answered, takenBack: back.takenBack, isWaiting };
}

/** Whether an address in a slice is held, or may be for all that is known. */
export function isHeld(
  pool: SlicePool,
  { node, range }: Slice,
  group: Group | undefined,
  { use }: Pick<Around, "use">,
): boolean {
  if (node === "") return false;
  const networkName = pool.realm ?? group?.wish.networkName;
  return networkName === undefined || (use(poolName({ networkName, node, range }))?.count ?? 0) > 0;
}

function takeBack(
  pool: SlicePool,
  group: Group | undefined,
  requests: readonly SliceRequest[],
  around: Around,
): Omit<Served, "isWaiting"> {
  const answered: SliceRequest[] = [];
  const returned = new Set<Slice>();
  for (const request of requests) {
    const { node, returns } = request;
    if (!returns) continue;
    const slice = pool.slices.find((one) => one.node === node && sameRange(one.range, returns));
    if (slice && isHeld(pool, slice, group, around) && !isElsewhereToo(pool, slice, around)) continue;
    if (slice) returned.add(slice);
    answered.push(request);
  }
  for (const slice of pool.slices) {
    if (slice.node !== "" && around.isGone(slice.node) && !isHeld(pool, slice, group, around))
      returned.add(slice);
  }
  const still = Object.entries(pool.takenBack).filter(([, at]) => around.now - at < COOLING);
  const takenBack = Object.fromEntries([
    ...still,
    ...[...returned].map((slice) => [keyOf(slice), around.now] as const),
  ]);
  if (returned.size === 0) return { slices: pool.slices, answered, takenBack };
  const lists = pool.slices.some(({ node }) => node === ""); // as upstream does: what is free stays listed
  const slices = lists
    ? pool.slices.map((slice) => (returned.has(slice) ? { ...slice, node: "" } : slice))
    : pool.slices.filter((slice) => !returned.has(slice));
  return { slices, answered, takenBack };
}

function keyOf({ node, range }: Slice): string {
  return `${node} ${formatCidr(range)}`;
}

/** Whether another pool of the realm says too that the slice is the node's: two attachments without network name share it. */
function isElsewhereToo(pool: SlicePool, { node, range }: Slice, { pools }: Around): boolean {
  const { realm } = pool;
  return (
    realm !== undefined &&
    pools.some(
      (other) =>
        other.name !== pool.name &&
        other.realm === realm &&
        !other.isClosing &&
        other.slices.some((slice) => slice.node === node && sameRange(slice.range, range)),
    )
  );
}

type Space = { readonly next: (node: string) => Cidr | undefined };

/** What can still be cut: nothing that is anybody's, and nothing in which an address is held. */
function spaceOf(
  pool: SlicePool,
  { wish, free }: Group,
  requests: readonly SliceRequest[],
  { pools, before, uses, isNode }: Around,
): Space {
  const { networkName } = wish;
  const { family } = pool.range;
  const current = pools.map((other) => (other.name === pool.name ? pool : other));
  const outside = poolsOutside(networkName, family, uses(), current, isNode);
  // What another pool is about to take back is free only once that is written.
  const others = before.filter(({ name }) => name !== pool.name);
  const given = [...takenIn(networkName, family, current), ...takenIn(networkName, family, others)];
  const network = { network: pool.range, prefix: pool.prefix ?? wish.prefix, free };
  const all = outside.flatMap(({ held }) => held);
  let taken = normalise([...given, ...all]);
  const isOwn = (node: string) => (use: PoolUse) =>
    use.name === poolName({ networkName, node, range: use.range });
  // What a node has returned, it must not have again while its word for that is open, or may still arrive.
  const isCooling = (node: string) => (range: Cidr) =>
    requests.some(
      (request) => request.node === node && request.returns && sameRange(request.returns, range),
    ) || keyOf({ node, range }) in pool.takenBack;
  return {
    next: (node) => {
      // What a node itself has left behind is no reason not to give it that slice again.
      const inUse = outside.some(isOwn(node))
        ? normalise([...given, ...outside.filter((use) => !isOwn(node)(use)).flatMap(({ held }) => held)])
        : taken;
      const range = lowestSlice(network, inUse, isCooling(node));
      if (range) given.push(intervalOf(range));
      if (range) taken = normalise([...taken, intervalOf(range)]);
      return range;
    },
  };
}

/** What the node has in another pool of the realm and range already. */
function sharedSlice(pool: SlicePool, { wish }: Group, { pools }: Around, node: string): Cidr | undefined {
  const isOurs = (range: Cidr) =>
    pool.slices.some((slice) => slice.node === node && sameRange(slice.range, range));
  for (const other of pools) {
    if (other.name === pool.name || !sameRange(other.range, pool.range)) continue;
    if (!mayBeIn(other, wish.networkName) || other.realm === undefined) continue;
    const shared = other.slices.find((slice) => slice.node === node && !isOurs(slice.range));
    if (shared) return shared.range;
  }
  return undefined;
}

function idOf({ object: { metadata } }: SlicePool): Pick<ObjectReference, "name" | "namespace" | "uid"> {
  const { name, namespace, uid } = metadata;
  return { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
}
