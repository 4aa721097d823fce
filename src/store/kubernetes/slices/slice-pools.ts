import { isObject } from "../../../cni/json.ts";
import type { Family } from "../../../ip/address.ts";
import { type Cidr, formatCidr, lastOf, parseCidr } from "../../../ip/cidr.ts";
import { type Interval, normalise } from "../../../ip/interval.ts";
import { slicePoolName, sliceRequestName } from "../../../kube/names.ts";
import { apiVersionOf, NODE_SLICE_POOLS, type NodeSlicePool } from "../../../kube/objects.ts";

/** On a NodeSlicePool: the `network_name` whose realm its slices lie in. Upstream's have none; then any may be meant. */
export const REALM = "berth.cni.cncf.io/network-name";
/** The label of a NodeSlicePool by which a node asks for a slice; its value says for what. */
export const REQUEST = "berth.cni.cncf.io/slice-request";
/** On a NodeSlicePool of which nodes are to return what is empty: no attachment wants it, or another size is wanted. */
export const CLOSING = "berth.cni.cncf.io/closing";
/** On a NodeSlicePool: what was just taken back, as JSON from `node slice` to the time in milliseconds since 1970. */
export const TAKEN_BACK = "berth.cni.cncf.io/taken-back";
/** On a request: the NodeSlicePool that is meant, and how many slices of it the node had when it asked. */
const REQUEST_POOL = "berth.cni.cncf.io/slice-pool";
const REQUEST_HAVE = "berth.cni.cncf.io/slices-held";

/** A part of a range; `node` is "" where upstream's controller lists it as free. */
export type Slice = { readonly node: string; readonly range: Cidr };

/** A NodeSlicePool as it is understood. */
export type SlicePool = {
  readonly name: string;
  readonly range: Cidr;
  /** Prefix length of new slices; those that exist may have another. */
  readonly prefix: number | undefined;
  /** Undefined: not known, so it may be any. */
  readonly realm: string | undefined;
  readonly slices: readonly Slice[];
  readonly isClosing: boolean;
  /** When slices were taken back from nodes, by `node slice`. */
  readonly takenBack: TakenBack;
  readonly object: NodeSlicePool;
};

export type TakenBack = { readonly [nodeAndSlice: string]: number };

/** A node's wish for one slice more, or its word that it uses one no longer. */
export type SliceRequest = {
  readonly pool: string;
  readonly range: Cidr;
  readonly node: string;
  readonly have: number;
  readonly returns?: Cidr;
  /** When it was made, in milliseconds since 1970. */
  readonly since: number;
  readonly object: NodeSlicePool;
};

/** Undefined if the range cannot be read; slices that cannot are left out. */
export function readSlicePool(object: NodeSlicePool): SlicePool | undefined {
  if (object.metadata.labels?.[REQUEST] !== undefined) return undefined;
  const range = parseCidr(String(object.spec?.range), "sloppy");
  if (!range.ok) return undefined;
  const size = /^\/?([0-9]{1,3})$/.exec(String(object.spec.sliceSize))?.[1];
  const slices = (object.status?.allocations ?? []).flatMap(({ nodeName, sliceRange }) => {
    const slice = parseCidr(String(sliceRange), "sloppy");
    return slice.ok ? [{ node: String(nodeName ?? ""), range: slice.value }] : [];
  });
  const realm = object.metadata.annotations?.[REALM];
  const isClosing = object.metadata.annotations?.[CLOSING] !== undefined;
  const prefix = size ? Number(size) : undefined;
  const { name, annotations } = object.metadata;
  const takenBack = readTimes(annotations?.[TAKEN_BACK]);
  return { name, range: range.value, prefix, realm, slices, isClosing, takenBack, object };
}

function readTimes(text = "{}"): TakenBack {
  try {
    const read: unknown = JSON.parse(text);
    const pairs = Object.entries(isObject(read) ? read : {});
    return Object.fromEntries(pairs.flatMap(([key, at]) => (typeof at === "number" ? [[key, at]] : [])));
  } catch {
    return {}; // written by others; at worst a slice goes back to the node that has just returned it
  }
}

/** Upstream's name if it is free or already this range's, else one that has the range in it. */
export function slicePoolNameFor(
  network: string,
  range: Cidr,
  rangeOf: (name: string) => Cidr | undefined,
): string {
  const plain = slicePoolName(network);
  const there = rangeOf(plain);
  return there === undefined || sameRange(there, range) ? plain : slicePoolName(network, range);
}

/** The pool of a network's range, whichever of its two names it has. */
export function findSlicePool(
  network: string,
  range: Cidr,
  get: (name: string) => SlicePool | undefined,
): SlicePool | undefined {
  return [slicePoolName(network), slicePoolName(network, range)]
    .map(get)
    .find((pool) => pool !== undefined && sameRange(pool.range, range));
}

/** All that is given out to nodes in a realm, ascending, whoever has it; `from`: only what was cut from that range. */
export function takenIn(realm: string, family: Family, pools: Iterable<SlicePool>, from?: Cidr): Interval[] {
  const taken: Interval[] = [];
  for (const pool of pools) {
    if (!mayBeIn(pool, realm) || (from && !sameRange(pool.range, from))) continue;
    for (const { node, range } of pool.slices) {
      if (node !== "" && range.family === family) taken.push(intervalOf(range));
    }
  }
  return normalise(taken);
}

/** Whether a pool is of that realm. Upstream's is called after its network name, or after a configuration without any. */
export function mayBeIn({ realm, name }: Pick<SlicePool, "realm" | "name">, networkName: string): boolean {
  if (realm !== undefined) return realm === networkName;
  return networkName === "" || name === slicePoolName(networkName);
}

export function requestFor(
  pool: string,
  range: Cidr,
  prefix: number,
  node: string,
  have: number,
  namespace: string,
): NodeSlicePool {
  return {
    apiVersion: apiVersionOf(NODE_SLICE_POOLS),
    kind: NODE_SLICE_POOLS.kind,
    metadata: {
      name: sliceRequestName(pool, node),
      namespace,
      labels: { [REQUEST]: "more" },
      annotations: { [REQUEST_POOL]: pool, [REQUEST_HAVE]: String(have) },
    },
    spec: { range: formatCidr(range), sliceSize: `/${prefix}` },
    status: { allocations: [{ nodeName: node, sliceRange: "" }] },
  };
}

/** The word of a node that it uses a slice no longer. */
export function returnOf(pool: SlicePool, node: string, slice: Cidr, namespace: string): NodeSlicePool {
  return {
    apiVersion: apiVersionOf(NODE_SLICE_POOLS),
    kind: NODE_SLICE_POOLS.kind,
    metadata: {
      name: sliceRequestName(pool.name, node, slice),
      namespace,
      labels: { [REQUEST]: "return" },
      annotations: { [REQUEST_POOL]: pool.name },
    },
    spec: { range: formatCidr(pool.range), sliceSize: `/${slice.prefix}` },
    status: { allocations: [{ nodeName: node, sliceRange: formatCidr(slice) }] },
  };
}

export function readRequest(object: NodeSlicePool): SliceRequest | undefined {
  const { labels, annotations, creationTimestamp = "" } = object.metadata;
  const range = parseCidr(String(object.spec?.range), "sloppy");
  const { nodeName: node, sliceRange } = object.status?.allocations?.[0] ?? {};
  const pool = annotations?.[REQUEST_POOL];
  const have = Number(annotations?.[REQUEST_HAVE] ?? 0);
  const kind = labels?.[REQUEST];
  if (kind === undefined || !range.ok || !node || !pool || !Number.isInteger(have)) return undefined;
  const since = Date.parse(creationTimestamp) || 0;
  const request = { pool, range: range.value, node, have, since, object };
  if (kind !== "return") return request;
  const returns = parseCidr(String(sliceRange), "sloppy");
  return returns.ok ? { ...request, returns: returns.value } : undefined;
}

export function intervalOf(range: Cidr): Interval {
  return { first: range.base, last: lastOf(range) };
}

export function sameRange(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base === b.base && a.prefix === b.prefix;
}
