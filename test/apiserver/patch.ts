import { err, ok } from "../../src/result.ts";
import { applyConfiguration } from "./apply.ts";
import type { Cluster } from "./cluster.ts";
import { badRequest, type Failure, notFound, UNPROCESSABLE, unsupportedMediaType } from "./failure.ts";
import { isJson, type Json } from "./json.ts";
import { applyJsonPatch, applyMergePatch } from "./json-patch.ts";
import { table } from "./kinds.ts";
import { keyOf } from "./store.ts";
import type { Target } from "./target.ts";
import { type Outcome, replace } from "./write.ts";

export const JSON_PATCH = "application/json-patch+json";
export const MERGE_PATCH = "application/merge-patch+json";
export const STRATEGIC_PATCH = "application/strategic-merge-patch+json";
export const APPLY_PATCH = "application/apply-patch+yaml";

/** PATCH in the way that the content type names. */
export function patch(
  cluster: Cluster,
  target: Target,
  type: string,
  body: unknown,
  query: URLSearchParams,
  dryRun: boolean,
): Outcome {
  const { kind, namespace, name = "" } = target;
  if (type === APPLY_PATCH) {
    if (!isJson(body)) return err(badRequest("an apply patch is an object"));
    const manager = query.get("fieldManager") ?? "";
    if (manager === "") return err(badRequest("fieldManager is required for apply patch"));
    return applyConfiguration(
      cluster,
      target,
      body,
      { manager, force: query.get("force") === "true" },
      dryRun,
    );
  }
  const refused = checkType(type, kind.custom);
  if (refused) return err(refused);
  const current = cluster.store.get(table(kind), keyOf(namespace, name));
  if (!current) return err(notFound(kind, name));
  const patched = type === JSON_PATCH ? byJsonPatch(current, body) : byMerge(current, body);
  return patched.ok ? replace(cluster, target, current, patched.value, dryRun) : patched;
}

function checkType(type: string, custom: boolean): Failure | undefined {
  const supported = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH, ...(custom ? [] : [STRATEGIC_PATCH])];
  return supported.includes(type) ? undefined : unsupportedMediaType(type, supported);
}

function byJsonPatch(current: Json, body: unknown) {
  if (!Array.isArray(body)) {
    return err(badRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch"));
  }
  const patched = applyJsonPatch(current, body);
  return patched.ok ? patched : err(UNPROCESSABLE);
}

/** Strategic merge on a built-in kind is done as a plain merge: lists are replaced, not merged by their keys. */
function byMerge(current: Json, body: unknown) {
  if (!isJson(body)) return err(badRequest("the patch is no object"));
  const merged = applyMergePatch(current, body);
  return isJson(merged) ? ok(merged) : err(badRequest("the patch is no object"));
}
