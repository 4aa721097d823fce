import { formatCidr } from "../ip/cidr.ts";
import type { ApiError, JsonPatch, KubeClient } from "../kube/api.ts";
import { apiVersionOf, NODE_SLICE_POOLS, type NodeSlicePool } from "../kube/objects.ts";
import type { WatchCache } from "../kube/watch-cache.ts";
import type { Log } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { CLOSING, REALM, TAKEN_BACK } from "../store/kubernetes/slices/slice-pools.ts";
import type { Step } from "./plan.ts";

type Means = {
  readonly client: KubeClient;
  readonly log: Log;
  /** Told of what was written at once. */
  readonly pools: WatchCache<NodeSlicePool, NodeSlicePool>;
};

/**
 * Writes a step. Every write tests the version that the plan rests on, so one that is overtaken changes nothing. `prunes`: the
 * installed CRD has left out the conditions.
 */
export async function carryOut(step: Step, means: Means): Promise<Result<{ prunes: boolean }, ApiError>> {
  if (step.kind === "create") return create(step, means);
  if (step.kind === "slices") return write(step, means);
  return remove(step, means);
}

async function create({ name, wish }: Extract<Step, { kind: "create" }>, { client, log, pools }: Means) {
  const { namespace } = client;
  const made = await client.create(NODE_SLICE_POOLS, {
    apiVersion: apiVersionOf(NODE_SLICE_POOLS),
    kind: NODE_SLICE_POOLS.kind,
    metadata: { name, namespace, annotations: { [REALM]: wish.networkName } },
    spec: { range: formatCidr(wish.range), sliceSize: `/${wish.prefix}` },
  });
  if (!made.ok) return made.error.code === "already_exists" ? ok({ prunes: false }) : err(made.error);
  pools.put(made.value);
  log("verbose", "slice pool created", { pool: name, range: formatCidr(wish.range) });
  return ok({ prunes: false });
}

async function write(step: Extract<Step, { kind: "slices" }>, { client, log, pools }: Means) {
  const { name } = step.pool;
  const { namespace } = client;
  const patch = patchOf(step);
  const written = await client.patch(NODE_SLICE_POOLS, { name, namespace }, { type: "json", patch });
  if (!written.ok) return written;
  pools.put(written.value);
  const { slices, prefix, isClosing, conditions } = step.after;
  const given = slices.filter(({ nodeName }) => nodeName !== "").length;
  log("verbose", "slice pool written", { pool: name, given, prefix, isClosing });
  return ok({ prunes: conditions.length > 0 && !written.value.status?.conditions });
}

async function remove(step: Extract<Step, { kind: "strike" | "drop" }>, { client, log, pools }: Means) {
  const { metadata } = step.kind === "strike" ? step.request.object : step.pool.object;
  const { name, uid, resourceVersion } = metadata;
  const { namespace } = client;
  const only = { ...(uid && { uid }), ...(step.kind === "drop" && resourceVersion && { resourceVersion }) };
  const gone = await client.delete(NODE_SLICE_POOLS, { name, namespace }, only);
  if (!gone.ok && gone.error.code !== "not_found") return gone;
  pools.remove({ name, namespace }, uid);
  if (step.kind === "drop") log("verbose", "slice pool deleted: no attachment wants it", { pool: name });
  return ok({ prunes: false });
}

function patchOf({ pool, after }: Extract<Step, { kind: "slices" }>): JsonPatch {
  const { resourceVersion, annotations = {} } = pool.object.metadata;
  const { [CLOSING]: _closing, [TAKEN_BACK]: _back, ...others } = annotations;
  const isCooling = Object.keys(after.takenBack).length > 0;
  const kept = {
    ...others,
    ...(after.isClosing && { [CLOSING]: "true" }),
    ...(isCooling && { [TAKEN_BACK]: JSON.stringify(after.takenBack) }),
  };
  const { slices: allocations, conditions, prefix } = after;
  const status = { allocations, ...(conditions.length > 0 && { conditions }) };
  return [
    { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
    { op: "add", path: "/metadata/annotations", value: kept },
    ...(prefix === pool.prefix ? [] : [{ op: "add", path: "/spec/sliceSize", value: `/${prefix}` } as const]),
    { op: "add", path: "/status", value: status },
  ];
}
