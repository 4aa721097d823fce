import { err } from "../../src/result.ts";
import { checkEnvelope } from "./admit.ts";
import type { Cluster } from "./cluster.ts";
import { having, type Json } from "./json.ts";
import { applyMergePatch } from "./json-patch.ts";
import { table } from "./kinds.ts";
import { keyOf } from "./store.ts";
import type { Target } from "./target.ts";
import { create, type Outcome, replace } from "./write.ts";

export type Applied = { readonly manager: string; readonly force: boolean };

/** Server-side apply. */
export function applyConfiguration(
  cluster: Cluster,
  target: Target,
  body: Json,
  _how: Applied,
  dryRun: boolean,
): Outcome {
  const { kind, namespace, name = "" } = target;
  const envelope = checkEnvelope(target, body);
  if (!envelope.ok) return err(envelope.error);
  const current = cluster.store.get(table(kind), keyOf(namespace, name));
  if (!current)
    return create(
      cluster,
      { kind, ...(namespace === undefined ? {} : { namespace }) },
      envelope.value,
      dryRun,
    );
  return replace(
    cluster,
    target,
    current,
    having(current, applyMergePatch(current, envelope.value) as Json),
    dryRun,
  );
}
