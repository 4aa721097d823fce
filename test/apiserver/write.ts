import { err, ok, type Result } from "../../src/result.ts";
import { admit, checkEnvelope, fitsEtcd, generationOf } from "./admit.ts";
import { type Cluster, finalizers } from "./cluster.ts";
import { alreadyExists, conflict, type Failure, forbidden, invalid, MODIFIED, notFound } from "./failure.ts";
import { child, equal, having, isJson, type Json, list, text } from "./json.ts";
import { table } from "./kinds.ts";
import { keyOf, versionOf } from "./store.ts";
import type { Target } from "./target.ts";

export type Written = {
  readonly status: 200 | 201;
  readonly object: Json;
  readonly warnings: readonly string[];
  /** The object before; absent for a creation. */
  readonly previous?: Json;
};

export type Outcome = Result<Written, Failure>;

/** POST. */
export function create(cluster: Cluster, target: Target, body: Json, dryRun: boolean): Outcome {
  const { kind } = target;
  const envelope = checkEnvelope(target, body);
  if (!envelope.ok) return envelope;
  const metadata = child(envelope.value, "metadata");
  if ((text(metadata, "resourceVersion") ?? "") !== "") {
    return err({ code: 500, message: "resourceVersion should not be set on objects to be created" });
  }
  const prefix = text(metadata, "generateName") ?? "";
  const given = text(metadata, "name") ?? "";
  const name = given === "" && prefix !== "" ? `${prefix}${cluster.suffix()}` : given;
  const namespace = target.namespace;
  const refused = kind.namespaced ? checkNamespace(cluster, target, name) : undefined;
  if (refused) return err(refused);
  const admitted = admit(
    cluster,
    kind,
    having(envelope.value, {
      metadata: having(metadata, {
        name: name === "" ? undefined : name,
        namespace,
        uid: cluster.uid(),
        creationTimestamp: cluster.timestamp(),
        resourceVersion: undefined,
        deletionTimestamp: undefined,
        generation: kind.custom || kind.group === "apps" || kind.group === "policy" ? 1 : undefined,
      }),
      ...(kind.status ? { status: initialStatus(kind.plural) } : {}),
      ...(kind.plural === "namespaces" ? { spec: { finalizers: ["kubernetes"] } } : {}),
    }),
    undefined,
  );
  if (!admitted.ok) return admitted;
  const { object, warnings } = admitted.value;
  const key = keyOf(namespace, name);
  if (cluster.store.get(table(kind), key)) return err(alreadyExists(kind, name));
  const tooLarge = fitsEtcd(object);
  if (tooLarge) return err(tooLarge);
  return ok({ status: 201, object: dryRun ? object : cluster.store.put(table(kind), key, object), warnings });
}

function initialStatus(plural: string): Json | undefined {
  if (plural === "pods") return { phase: "Pending", qosClass: "BestEffort" };
  return plural === "namespaces" ? { phase: "Active" } : undefined;
}

function checkNamespace(
  cluster: Cluster,
  { kind, namespace = "" }: Target,
  name: string,
): Failure | undefined {
  const found = cluster.namespace(namespace);
  if (!found) return notFound({ group: "", plural: "namespaces", kind: "Namespace" }, namespace);
  if (child(found, "metadata").deletionTimestamp === undefined) return undefined;
  return forbidden(
    kind,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
}

/** PUT; `current` is absent where the object is missing. */
export function update(cluster: Cluster, target: Target, body: Json, dryRun: boolean): Outcome {
  const { kind, namespace, name = "" } = target;
  const envelope = checkEnvelope(target, body);
  if (!envelope.ok) return envelope;
  const current = cluster.store.get(table(kind), keyOf(namespace, name));
  if (!current) {
    if (!kind.createOnUpdate) return err(notFound(kind, name));
    const { kind: _, ...rest } = target;
    return create(
      cluster,
      { kind, ...(rest.namespace === undefined ? {} : { namespace: rest.namespace }) },
      envelope.value,
      dryRun,
    );
  }
  if (kind.conditional && versionOf(envelope.value) === "") {
    const message = "Invalid value: 0x0: must be specified for an update";
    return err(
      invalid(kind, name, [{ reason: "FieldValueInvalid", field: "metadata.resourceVersion", message }]),
    );
  }
  return replace(cluster, target, current, envelope.value, dryRun);
}

/** Puts a new state in the place of the current one: what PUT and all patches end in. */
export function replace(
  cluster: Cluster,
  target: Target,
  current: Json,
  wanted: Json,
  dryRun: boolean,
): Outcome {
  const { kind, namespace, name = "" } = target;
  const now = child(current, "metadata");
  const then = child(wanted, "metadata");
  const expected = versionOf(wanted);
  if (expected !== "" && expected !== versionOf(current)) return err(conflict(kind, name, MODIFIED));
  if (then.uid !== undefined && then.uid !== now.uid) {
    const why = `Precondition failed: UID in precondition: ${then.uid}, UID in object meta: ${now.uid}`;
    return err(conflict(kind, name, why));
  }
  const kept = {
    name,
    namespace,
    uid: now.uid,
    creationTimestamp: now.creationTimestamp,
    deletionTimestamp: now.deletionTimestamp,
    deletionGracePeriodSeconds: now.deletionGracePeriodSeconds,
    resourceVersion: now.resourceVersion,
    generation: now.generation,
    managedFields: managedFieldsOf(then, now),
  };
  const next =
    target.subresource === "status"
      ? having(current, {
          status: wanted.status,
          metadata: having(now, kind.custom ? {} : metadataOfStatus(then)),
        })
      : having(wanted, {
          metadata: having(then, kept),
          ...(kind.status ? { status: current.status } : {}),
        });
  const admitted = admit(cluster, kind, next, current);
  if (!admitted.ok) return admitted;
  const { warnings } = admitted.value;
  const generation = generationOf(kind, current, admitted.value.object);
  const object =
    generation === now.generation
      ? admitted.value.object
      : having(admitted.value.object, {
          metadata: having(child(admitted.value.object, "metadata"), { generation }),
        });
  if (equal(object, current)) return ok({ status: 200, object: current, warnings, previous: current });
  const tooLarge = fitsEtcd(object);
  if (tooLarge) return err(tooLarge);
  if (dryRun) return ok({ status: 200, object, warnings, previous: current });
  const key = keyOf(namespace, name);
  if (
    now.deletionTimestamp !== undefined &&
    finalizers(object).length === 0 &&
    !isGraceful(kind.plural, object)
  ) {
    cluster.store.delete(table(kind), key);
    return ok({ status: 200, object, warnings, previous: current });
  }
  return ok({
    status: 200,
    object: cluster.store.put(table(kind), key, object),
    warnings,
    previous: current,
  });
}

/** A pod or namespace with a deletionTimestamp waits for its kubelet or controller, not for finalizers alone. */
function isGraceful(plural: string, object: Json): boolean {
  if (plural === "namespaces") return true;
  return plural === "pods" && child(object, "metadata").deletionGracePeriodSeconds !== 0;
}

function metadataOfStatus(metadata: Json): Json {
  return { labels: metadata.labels, annotations: metadata.annotations };
}

/** DELETE of one object; `options` is the body, a DeleteOptions. */
export function remove(cluster: Cluster, target: Target, options: Json, dryRun: boolean): Outcome {
  const { kind, namespace, name = "" } = target;
  const key = keyOf(namespace, name);
  const current = cluster.store.get(table(kind), key);
  if (!current) return err(notFound(kind, name));
  const metadata = child(current, "metadata");
  for (const [field, title, place] of [
    ["uid", "UID", "UID"],
    ["resourceVersion", "ResourceVersion", "ResourceVersion"],
  ] as const) {
    const wanted = text(child(options, "preconditions"), field);
    if (wanted === undefined || wanted === metadata[field]) continue;
    const why = `Precondition failed: ${title} in precondition: ${wanted}, ${place} in object meta: ${metadata[field]}`;
    return err(conflict(kind, name, why));
  }
  const grace = graceOf(kind.plural, current, options.gracePeriodSeconds);
  const marked = metadata.deletionTimestamp !== undefined;
  if (finalizers(current).length === 0 && grace === 0 && kind.plural !== "namespaces") {
    const object = dryRun ? current : (cluster.store.delete(table(kind), key) ?? current);
    return ok({ status: 200, object, warnings: [], previous: current });
  }
  if (marked && !(grace === 0 && metadata.deletionGracePeriodSeconds !== 0)) {
    return ok({ status: 200, object: current, warnings: [], previous: current });
  }
  const deletionTimestamp = cluster.timestamp();
  const object = having(current, {
    metadata: having(metadata, { deletionTimestamp, deletionGracePeriodSeconds: grace }),
    ...(kind.plural === "namespaces" ? { status: { phase: "Terminating" } } : {}),
  });
  if (dryRun) return ok({ status: 200, object, warnings: [], previous: current });
  return ok({
    status: 200,
    object: cluster.store.put(table(kind), key, object),
    warnings: [],
    previous: current,
  });
}

/** Seconds that a pod on a node has to end; everything else goes at once. */
function graceOf(plural: string, object: Json, asked: unknown): number {
  const spec = child(object, "spec");
  if (plural !== "pods" || (text(spec, "nodeName") ?? "") === "") return 0;
  const phase = child(object, "status").phase;
  if (phase === "Succeeded" || phase === "Failed") return 0;
  const grace = asked ?? spec.terminationGracePeriodSeconds ?? 30;
  return typeof grace === "number" ? grace : 30;
}

/** One empty entry empties the list, and nothing else does. */
function managedFieldsOf(then: Json, now: Json): unknown {
  const wanted = list(then, "managedFields");
  const empties = wanted.length === 1 && isJson(wanted[0]) && Object.keys(wanted[0]).length === 0;
  return empties ? undefined : (then.managedFields ?? now.managedFields);
}
