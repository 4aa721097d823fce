import { lowestSlice } from "../allocation/slices.ts";
import { type Cidr, formatCidr } from "../ip/cidr.ts";
import { type Interval, normalise } from "../ip/interval.ts";
import type { EventText } from "../kube/events.ts";
import { poolName } from "../kube/names.ts";
import type { NodeSlice, ObjectReference } from "../kube/objects.ts";
import {
  findSlicePool,
  type Slice,
  type SlicePool,
  type SliceRequest,
  sameRange,
  slicePoolNameFor,
  takenIn,
} from "../store/kubernetes/slices/slice-pools.ts";
import type { Attachment, SliceWish } from "./attachments.ts";

/** What the controller knows of the cluster at one moment. */
export type World = {
  readonly attachments: readonly Attachment[];
  readonly pools: readonly SlicePool[];
  readonly requests: readonly SliceRequest[];
  /** Whether a node has been gone from the API for long enough that it gives no address any more. */
  readonly isGone: (node: string) => boolean;
  /** Whether nobody has wanted this pool for as long. */
  readonly isUnwanted: (pool: string) => boolean;
  /** How many addresses an IPPool holds. */
  readonly held: (pool: string) => number;
};

export type Step =
  | {
      readonly kind: "create";
      readonly name: string;
      readonly wish: SliceWish;
    }
  | { readonly kind: "slices"; readonly pool: SlicePool; readonly slices: readonly NodeSlice[] }
  | { readonly kind: "strike"; readonly request: SliceRequest }
  | { readonly kind: "drop"; readonly pool: SlicePool };

export type Tale = { readonly about: ObjectReference; readonly text: EventText };

export type ControllerPlan = { readonly steps: readonly Step[]; readonly tales: readonly Tale[] };

/** All attachments that share the slices of one realm and range. */
type Group = { readonly wish: SliceWish; readonly free: readonly Interval[] };

/** What has to be written so that every node gets what it asked for and nobody keeps what is nobody's. Decides nothing by order of events. */
export function planController(world: World): ControllerPlan {
  const tales: Tale[] = [];
  const steps: Step[] = [];
  const groups = groupsOf(world, tales);
  const pools = new Map(world.pools.map((pool) => [pool.name, pool]));
  const get = (name: string) => pools.get(name);
  const created = new Map<string, Cidr>();
  for (const { wish } of groups) {
    if (findSlicePool(wish.network, wish.range, get)) continue;
    const rangeOf = (name: string) => get(name)?.range ?? created.get(name);
    const name = slicePoolNameFor(wish.network, wish.range, rangeOf);
    if (created.has(name)) continue;
    created.set(name, wish.range);
    steps.push({ kind: "create", name, wish });
  }
  const wanted = new Map<string, Group>();
  for (const group of groups) {
    const pool = findSlicePool(group.wish.network, group.wish.range, get);
    if (pool) wanted.set(pool.name, group);
  }
  const mayDrop = world.attachments.every(({ broken }) => broken === undefined);
  for (const pool of world.pools) {
    const group = wanted.get(pool.name);
    const isEmpty = pool.slices.every(({ node, range }) => isUnused(world, pool, node, range, group));
    if (!group && mayDrop && isEmpty && pool.realm !== undefined && world.isUnwanted(pool.name)) {
      steps.push({ kind: "drop", pool });
      pools.delete(pool.name);
      continue;
    }
    const after = serve(world, pool, group, [...pools.values()], steps, tales);
    if (after === pool.slices) continue;
    pools.set(pool.name, { ...pool, slices: after });
    steps.push({ kind: "slices", pool, slices: after.map(asEntry) });
  }
  // The wish is struck out once it is fulfilled; one whose pool does not exist yet waits.
  return { steps: steps.sort((a, b) => RANK[a.kind] - RANK[b.kind]), tales };
}

/** A request goes only after what it asked for has been written. */
const RANK: Record<Step["kind"], number> = { create: 0, slices: 1, strike: 2, drop: 3 };

function groupsOf({ attachments, pools }: World, tales: Tale[]): Group[] {
  const groups: Group[] = [];
  const poolNames = new Map(pools.map((pool) => [pool.name, pool]));
  for (const { about, wishes, broken } of attachments) {
    if (broken !== undefined) tales.push({ about, text: refusal("InvalidSlices", broken) });
    for (const wish of wishes) {
      const index = groups.findIndex(
        (group) => group.wish.network === wish.network && sameRange(group.wish.range, wish.range),
      );
      const group = groups[index];
      const inForce =
        findSlicePool(wish.network, wish.range, (name) => poolNames.get(name))?.prefix ?? group?.wish.prefix;
      if (inForce !== undefined && inForce !== wish.prefix) {
        const why = `slices of ${formatCidr(wish.range)} are /${inForce} while any is given out or another attachment of the network says so; /${wish.prefix} has no effect`;
        tales.push({ about, text: refusal("SliceSizeRefused", why) });
      }
      if (group) groups[index] = { wish: group.wish, free: normalise([...group.free, ...wish.free]) };
      else groups.push({ wish: { ...wish, prefix: inForce ?? wish.prefix }, free: wish.free });
    }
  }
  return groups;
}

/** The slices of a pool as they should be; the same list if nothing changes. */
function serve(
  world: World,
  pool: SlicePool,
  group: Group | undefined,
  pools: readonly SlicePool[],
  steps: Step[],
  tales: Tale[],
): readonly Slice[] {
  let slices = pool.slices;
  const lists = slices.some(({ node }) => node === ""); // as upstream does: what is free stays listed
  const returned = slices.filter(
    ({ node, range }) => node !== "" && world.isGone(node) && isUnused(world, pool, node, range, group),
  );
  if (returned.length > 0) {
    slices = lists
      ? slices.map((slice) => (returned.includes(slice) ? { ...slice, node: "" } : slice))
      : slices.filter((slice) => !returned.includes(slice));
  }
  for (const request of world.requests) {
    if (request.pool !== pool.name || !sameRange(request.range, pool.range)) continue;
    const have = slices.filter(({ node }) => node === request.node).length;
    if (have > request.have) {
      steps.push({ kind: "strike", request });
      continue;
    }
    if (!group) continue;
    const others = pools.map((other) => (other.name === pool.name ? { ...pool, slices } : other));
    const range = nextSlice(pool, group, others, request.node);
    if (range === undefined) {
      const about = { apiVersion: pool.object.apiVersion, kind: pool.object.kind, ...idOf(pool) };
      const why = `no slice is left for the node ${request.node}: enlarge ${formatCidr(pool.range)} or make node_slice_size smaller`;
      tales.push({ about, text: refusal("SlicesExhausted", why) });
      steps.push({ kind: "strike", request });
      continue;
    }
    slices = [...slices.filter((slice) => !sameRange(slice.range, range)), { node: request.node, range }];
    steps.push({ kind: "strike", request });
  }
  return slices;
}

/** What the node has in another pool of the realm and range already, else the lowest that touches nobody's. */
function nextSlice(
  pool: SlicePool,
  { wish, free }: Group,
  pools: readonly SlicePool[],
  node: string,
): Cidr | undefined {
  const own = (range: Cidr) =>
    pools.some(
      ({ name, slices }) =>
        name === pool.name && slices.some((slice) => slice.node === node && sameRange(slice.range, range)),
    );
  for (const { name, realm, range, slices } of pools) {
    if (name === pool.name || realm !== wish.networkName || !sameRange(range, pool.range)) continue;
    const shared = slices.find((slice) => slice.node === node && !own(slice.range));
    if (shared) return shared.range;
  }
  const taken = takenIn(wish.networkName, pool.range.family, pools);
  return lowestSlice({ network: pool.range, prefix: pool.prefix ?? wish.prefix, free }, taken);
}

function isUnused(
  world: World,
  pool: SlicePool,
  node: string,
  range: Cidr,
  group: Group | undefined,
): boolean {
  if (node === "") return true;
  const networkName = pool.realm ?? group?.wish.networkName;
  return networkName !== undefined && world.held(poolName({ networkName, node, range })) === 0;
}

function asEntry({ node, range }: Slice): NodeSlice {
  return { nodeName: node, sliceRange: formatCidr(range) };
}

function idOf({ object: { metadata } }: SlicePool): Pick<ObjectReference, "name" | "namespace" | "uid"> {
  const { name, namespace, uid } = metadata;
  return { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
}

function refusal(reason: string, message: string): EventText {
  return { type: "Warning", reason, message };
}
