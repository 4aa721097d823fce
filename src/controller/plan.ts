import { type Cidr, formatCidr } from "../ip/cidr.ts";
import type { Condition, NodeSlice } from "../kube/objects.ts";
import type { PoolUse } from "../store/kubernetes/slices/outside.ts";
import {
  findSlicePool,
  type Slice,
  type SlicePool,
  type SliceRequest,
  slicePoolNameFor,
  type TakenBack,
} from "../store/kubernetes/slices/slice-pools.ts";
import type { Attachment, SliceWish } from "./attachments.ts";
import { type Group, groupsOf, refuseSizes, sizeFor, type Tale } from "./groups.ts";
import { isHeld, serve } from "./serve.ts";

/** What the controller knows of the cluster at one moment. */
export type World = {
  readonly attachments: readonly Attachment[];
  readonly pools: readonly SlicePool[];
  readonly requests: readonly SliceRequest[];
  readonly isNode: (name: string) => boolean;
  /** An IPPool by name, and all of them. */
  readonly use: (pool: string) => { readonly count: number } | undefined;
  readonly uses: () => Iterable<PoolUse>;
  /** Whether something has been so for that many milliseconds without a break; a new leader begins to count anew. */
  readonly lasts: (what: string, isSo: boolean, ms: number) => boolean;
  /** Whether the installed CRD keeps conditions. */
  readonly keepsConditions: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
};

export type Step =
  | {
      readonly kind: "create";
      readonly name: string;
      readonly wish: SliceWish;
    }
  | { readonly kind: "slices"; readonly pool: SlicePool; readonly after: PoolState }
  | { readonly kind: "strike"; readonly request: SliceRequest }
  | { readonly kind: "drop"; readonly pool: SlicePool };

/** What the controller writes into a NodeSlicePool. */
export type PoolState = {
  readonly slices: readonly NodeSlice[];
  readonly prefix: number | undefined;
  readonly isClosing: boolean;
  readonly conditions: readonly Condition[];
  readonly takenBack: TakenBack;
};

export type ControllerPlan = {
  readonly steps: readonly Step[];
  readonly tales: readonly Tale[];
  /** Whether more can be done in a moment without any news. */
  readonly waits: boolean;
};

/** Says on a NodeSlicePool whether the size that the attachments want is the one in force. */
export const ACCEPTED = "SliceSizeAccepted";
/** Milliseconds after which a pool that no attachment wants any more is closed: one that is written anew goes on as it was. */
export const UNWANTED = 10_000;
/** Milliseconds for which nodes have the time to return their slices, so that the size can change. */
const LONGEST_DRAIN = 60_000;
/** Milliseconds after which a wish that nobody can fulfil is struck out; a node that still waits tells it again. */
const STALE_WISH = 10 * 60_000;

/**
 * What has to be written so that every node gets what it asked for and nobody keeps what is nobody's. Decides nothing by order of
 * events. `gone`: milliseconds after which a node that is gone from the API gives no address any more.
 */
export function planController(world: World, gone: number): ControllerPlan {
  const tales: Tale[] = [];
  const steps: Step[] = [];
  const groups = groupsOf(world.attachments, tales);
  const pools = new Map(world.pools.map((pool) => [pool.name, pool]));
  const get = (name: string) => pools.get(name);
  steps.push(...creations(groups, get));
  const wanted = new Map<string, Group>();
  for (const group of groups) {
    const pool = findSlicePool(group.wish.network, group.wish.range, get);
    if (pool) wanted.set(pool.name, group);
  }
  const isGone = (node: string) => world.lasts(`node ${node}`, !world.isNode(node), gone);
  // One that cannot be read may be what a pool is for.
  const mayClose = world.attachments.every(({ broken }) => broken === undefined);
  const struck = new Set<SliceRequest>();
  let waits = false;
  for (const pool of world.pools) {
    const group = wanted.get(pool.name);
    const isUnwanted = mayClose && group === undefined && pool.realm !== undefined;
    const isOver = world.lasts(`pool ${pool.name}`, isUnwanted, UNWANTED);
    const isGiven = pool.slices.some(({ node }) => node !== "");
    if (isOver && !isGiven) {
      steps.push({ kind: "drop", pool });
      pools.delete(pool.name);
      continue;
    }
    const size = sizeOf(pool, group, isGiven, world, tales);
    const sized = { ...pool, prefix: size.prefix, slices: size.isNew ? [] : pool.slices };
    const around = { ...world, pools: [...pools.values()], before: world.pools, isGone };
    // A node that is down returns nothing; the others must not wait for it.
    const isStuck = world.lasts(`draining ${pool.name}`, size.isDraining, LONGEST_DRAIN);
    const isDraining = size.isDraining && !isStuck;
    const isOpen = !isDraining;
    const { slices, answered, takenBack, isWaiting } = serve(sized, group, isOpen, around, tales);
    pools.set(pool.name, { ...sized, slices });
    waits ||= isWaiting;
    for (const request of answered) struck.add(request);
    const after = {
      slices: slices.map(asEntry),
      prefix: size.prefix,
      isClosing: isOver || isDraining,
      conditions: conditionsOf(pool, isStuck ? stuckOn(pool) : size.refusal, world),
      takenBack,
    };
    if (differs(pool, slices, after)) steps.push({ kind: "slices", pool, after });
  }
  for (const request of world.requests) {
    const isIdle = isGone(request.node) || world.now - request.since > STALE_WISH;
    if (struck.has(request) || isIdle) steps.push({ kind: "strike", request });
  }
  // A wish whose pool does not exist yet waits.
  return { steps: steps.sort((a, b) => RANK[a.kind] - RANK[b.kind]), tales, waits };
}

/** A request goes only after what it asked for has been written. */
const RANK: Record<Step["kind"], number> = { create: 0, slices: 1, strike: 2, drop: 3 };

function creations(groups: readonly Group[], get: (name: string) => SlicePool | undefined): Step[] {
  const created = new Map<string, Cidr>();
  const steps: Step[] = [];
  for (const { wish } of groups) {
    if (findSlicePool(wish.network, wish.range, get)) continue;
    const name = slicePoolNameFor(
      wish.network,
      wish.range,
      (known) => get(known)?.range ?? created.get(known),
    );
    if (created.has(name)) continue;
    created.set(name, wish.range);
    steps.push({ kind: "create", name, wish });
  }
  return steps;
}

function stuckOn({ range, prefix, slices }: SlicePool): string {
  const nodes = [...new Set(slices.map(({ node }) => node))].slice(0, 3).join(", ");
  return `slices of ${formatCidr(range)} stay /${prefix}, since ${nodes} did not return what is given out`;
}

type Size = {
  readonly prefix: number | undefined;
  /** Nothing is cut by the old size any more. */
  readonly isNew: boolean;
  /** Nodes are asked to return their slices, all of them empty, so that the size can change. */
  readonly isDraining: boolean;
  readonly refusal?: string;
};

/** Another size is honoured as a whole or not at all: once no node has a slice of the old one. */
function sizeOf(
  pool: SlicePool,
  group: Group | undefined,
  isGiven: boolean,
  world: World,
  tales: Tale[],
): Size {
  const { prefix } = pool;
  const inForce = { prefix, isNew: false, isDraining: false };
  if (!group) return inForce;
  const wanted = sizeFor(group, prefix);
  if (wanted === prefix || prefix === undefined) {
    refuseSizes(group, wanted, "since another attachment of the network says so", tales);
    return inForce;
  }
  if (!isGiven) return { prefix: wanted, isNew: true, isDraining: false };
  const held = pool.slices.filter((slice) => isHeld(pool, slice, group, world));
  if (held.length === 0) return { ...inForce, isDraining: true };
  const nodes = [...new Set(held.map(({ node }) => node))].slice(0, 3).join(", ");
  const why = `while addresses in them are held (${nodes})`;
  refuseSizes(group, prefix, why, tales);
  const refusal = `slices of ${formatCidr(pool.range)} stay /${prefix} ${why}; /${wanted} has no effect`;
  return { ...inForce, refusal };
}

function conditionsOf(
  pool: SlicePool,
  refusal: string | undefined,
  { now, keepsConditions }: World,
): readonly Condition[] {
  const known = pool.object.status?.conditions ?? [];
  const before = known.find(({ type }) => type === ACCEPTED);
  if (!keepsConditions || (refusal === undefined && before?.status !== "False")) return known;
  const status = refusal === undefined ? "True" : "False";
  const changed = before?.status === status ? before.lastTransitionTime : undefined;
  const condition: Condition = {
    type: ACCEPTED,
    status,
    reason: refusal === undefined ? "AsWanted" : "SliceSizeRefused",
    message: refusal ?? "slices have the size that the attachments want",
    lastTransitionTime: changed ?? new Date(now).toISOString().replace(/\.\d+Z$/, "Z"),
  };
  return [...known.filter(({ type }) => type !== ACCEPTED), condition];
}

function differs(pool: SlicePool, slices: readonly Slice[], after: PoolState): boolean {
  const conditions = pool.object.status?.conditions ?? [];
  return (
    slices !== pool.slices ||
    after.prefix !== pool.prefix ||
    after.isClosing !== pool.isClosing ||
    JSON.stringify(after.conditions) !== JSON.stringify(conditions)
  );
}

function asEntry({ node, range }: Slice): NodeSlice {
  return { nodeName: node, sliceRange: formatCidr(range) };
}
