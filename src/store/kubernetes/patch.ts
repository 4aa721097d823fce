import type { Pool } from "../../allocation/pool.ts";
import type { Address } from "../../ip/address.ts";
import type { JsonPatch, KubeObject } from "../../kube/api.ts";
import type { IPAllocation, IPPool } from "../../kube/objects.ts";
import { offsetOf, sameAllocation } from "./entry.ts";

/**
 * One step on a pool object. `was`: the record as the writer knows it, which must still be there unchanged;
 * absent: the address must still be free.
 */
export type PoolOp =
  | {
      readonly kind: "put";
      readonly address: Address;
      readonly allocation: IPAllocation;
      readonly was?: IPAllocation;
    }
  | { readonly kind: "remove"; readonly address: Address; readonly was: IPAllocation };

/** What became of a step: `open` may still be tried, `lost` cannot be: somebody else has changed that address. */
export type OpState = "done" | "open" | "lost";

/**
 * The patch that carries the steps out, all or none. It tests only what the steps rest upon, so that writers of
 * other addresses do not disturb each other: a `test` of a missing path for null holds.
 */
export function poolPatch(pool: Pool, object: IPPool, ops: readonly PoolOp[]): JsonPatch {
  // Were the range changed, every offset would mean another address.
  const patch: JsonPatch[number][] = [{ op: "test", path: "/spec/range", value: object.spec.range }];
  if (!isObject(object.spec.allocations)) {
    patch.push({ op: "test", path: ALLOCATIONS, value: null }, { op: "add", path: ALLOCATIONS, value: {} });
  }
  // With each write the server works out who set which field, a field for each part of each allocation, which is most of what a write
  // costs it and up to half of the object. One that has no such record gets none again: nobody applies pools in parts.
  if ((object.metadata.managedFields ?? []).length > 0) {
    patch.push({ op: "add", path: "/metadata/managedFields", value: NO_FIELDS });
  }
  for (const op of ops) {
    const path = `${ALLOCATIONS}/${offsetOf(pool, op.address)}`;
    patch.push({ op: "test", path, value: op.was ?? null });
    if (op.kind === "remove") patch.push({ op: "remove", path });
    else patch.push({ op: op.was ? "replace" : "add", path, value: op.allocation });
  }
  return patch;
}

/** The steps that put an annotation on an object of which this is still the version. */
export function annotating({ metadata }: KubeObject, key: string, text: string): JsonPatch {
  const { resourceVersion, annotations } = metadata;
  return [
    { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
    { op: "add", path: "/metadata/annotations", value: { ...annotations, [key]: text } },
  ];
}

/** What the object says of a step; undefined object: there is none. */
export function stateOf(op: PoolOp, found: IPAllocation | undefined): OpState {
  if (op.kind === "remove") {
    if (found === undefined) return "done";
    return deepEqual(found, op.was) ? "open" : "lost";
  }
  if (found !== undefined && sameAllocation(found, op.allocation)) {
    // A renewal that changes nothing of the owner is still to be written.
    return op.was && deepEqual(found, op.was) && !deepEqual(found, op.allocation) ? "open" : "done";
  }
  if (op.was === undefined) return found === undefined ? "open" : "lost";
  return found !== undefined && deepEqual(found, op.was) ? "open" : "lost";
}

const ALLOCATIONS = "/spec/allocations";
/** What empties `managedFields`; an empty list would change nothing (Kubernetes documentation, "Clearing managedFields"). */
const NO_FIELDS = [{}];

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** Equality of JSON values. */
export function deepEqual(a: unknown, b: unknown): boolean {
  return a === b || Bun.deepEquals(a, b, true);
}
