import { err } from "../../src/result.ts";
import { checkEnvelope } from "./admit.ts";
import type { Cluster } from "./cluster.ts";
import type { Failure } from "./failure.ts";
import { child, equal, having, isJson, type Json, list, text } from "./json.ts";
import { apiVersion, type Kind, table } from "./kinds.ts";
import { keyOf } from "./store.ts";
import type { Target } from "./target.ts";
import { create, type Outcome, replace } from "./write.ts";

export type Applied = { readonly manager: string; readonly force: boolean };

/** Lists of the built-in kinds whose items are merged by their name; all other lists are replaced as a whole. */
const BY_NAME = new Set([
  "containers",
  "initContainers",
  "env",
  "ports",
  "volumes",
  "imagePullSecrets",
  "webhooks",
]);

/**
 * Server-side apply for managers that apply: fields that a manager applied before and no longer does go, unless another
 * one applied them too; a value that another one applied is a conflict without `force`. Writes by other verbs own nothing.
 */
export function applyConfiguration(
  cluster: Cluster,
  target: Target,
  body: Json,
  how: Applied,
  dryRun: boolean,
): Outcome {
  const { kind, namespace, name = "" } = target;
  const envelope = checkEnvelope(target, body);
  if (!envelope.ok) return envelope;
  const wanted = envelope.value;
  const current = cluster.store.get(table(kind), keyOf(namespace, name));
  const fields = fieldsOf(content(wanted), kind, "");
  if (!current) {
    const managed = having(wanted, {
      metadata: having(child(wanted, "metadata"), { managedFields: [entry(cluster, kind, how, fields)] }),
    });
    return create(cluster, { kind, ...(namespace === undefined ? {} : { namespace }) }, managed, dryRun);
  }
  const entries = list(child(current, "metadata"), "managedFields").filter(isJson);
  const isOwn = (item: Json) => item.manager === how.manager && item.operation === "Apply";
  const others = entries.filter((item) => !isOwn(item));
  const merged = merge(current, content(wanted), kind, "") as Json;
  const clashes = how.force ? [] : conflicts(current, merged, fields, others, kind);
  if (clashes.length > 0) return err(conflictOf(clashes));
  const own = entries.find(isOwn);
  const pruned = own ? (removeGone(merged, child(own, "fieldsV1"), fields, others, kind) as Json) : merged;
  const mine = own && equal(child(own, "fieldsV1"), fields) ? own : entry(cluster, kind, how, fields);
  const managedFields = own ? entries.map((item) => (item === own ? mine : item)) : [...entries, mine];
  const metadata = having(child(pruned, "metadata"), { managedFields, uid: child(wanted, "metadata").uid });
  return replace(cluster, target, current, having(pruned, { metadata }), dryRun);
}

function entry(cluster: Cluster, kind: Kind, { manager }: Applied, fieldsV1: Json): Json {
  const time = cluster.timestamp();
  return {
    manager,
    operation: "Apply",
    apiVersion: apiVersion(kind),
    time,
    fieldsType: "FieldsV1",
    fieldsV1,
  };
}

/** What of an applied object counts as fields: not what names it. */
function content(wanted: Json): Json {
  const metadata = having(child(wanted, "metadata"), {
    name: undefined,
    namespace: undefined,
    uid: undefined,
    resourceVersion: undefined,
    creationTimestamp: undefined,
    managedFields: undefined,
  });
  const bare = having(wanted, { apiVersion: undefined, kind: undefined, metadata: undefined });
  return Object.keys(metadata).length === 0 ? bare : { ...bare, metadata };
}

function isByName(value: unknown, kind: Kind, key: string): value is readonly Json[] {
  if (kind.custom || !BY_NAME.has(key) || !Array.isArray(value)) return false;
  return value.every((item) => isJson(item) && typeof item.name === "string");
}

const itemKey = (item: Json) => `k:{"name":${JSON.stringify(item.name)}}`;

/** The set of fields in the form of FieldsV1; a leaf is `{}`. */
function fieldsOf(value: unknown, kind: Kind, key: string): Json {
  if (isByName(value, kind, key)) {
    return Object.fromEntries(value.map((item) => [itemKey(item), fieldsOf(item, kind, "")]));
  }
  if (!isJson(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, below]) => [`f:${name}`, fieldsOf(below, kind, name)]),
  );
}

function merge(before: unknown, wanted: unknown, kind: Kind, key: string): unknown {
  if (isByName(wanted, kind, key) && isByName(before, kind, key)) {
    const names = new Set(wanted.map((item) => item.name));
    const known = new Map(before.map((item) => [item.name, item]));
    const kept = before.filter((item) => !names.has(item.name));
    return [...wanted.map((item) => merge(known.get(item.name), item, kind, "")), ...kept];
  }
  if (!isJson(wanted) || !isJson(before)) return wanted;
  const result: { [key: string]: unknown } = { ...before };
  for (const [name, value] of Object.entries(wanted)) result[name] = merge(before[name], value, kind, name);
  return result;
}

/** The value without the fields that were applied before, are no longer, and that no other manager applies. */
function removeGone(value: unknown, before: Json, now: Json, others: readonly Json[], kind: Kind): unknown {
  const rest = others.map((item) => (isJson(item.fieldsV1) ? item.fieldsV1 : item));
  const gone = (id: string) => now[id] === undefined && !rest.some((fields) => fields[id] !== undefined);
  const below = (id: string) => rest.map((fields) => child(fields, id));
  if (Array.isArray(value)) {
    return value
      .filter((item) => !isJson(item) || before[itemKey(item)] === undefined || !gone(itemKey(item)))
      .map((item) => {
        const id = isJson(item) ? itemKey(item) : "";
        return before[id] === undefined
          ? item
          : removeGone(item, child(before, id), child(now, id), below(id), kind);
      });
  }
  if (!isJson(value)) return value;
  const result: { [key: string]: unknown } = { ...value };
  for (const [id, fields] of Object.entries(before)) {
    const name = id.slice(2);
    const held = result[name];
    if (held === undefined || !id.startsWith("f:")) continue;
    const isLeaf = !isJson(fields) || Object.keys(fields).length === 0;
    if (gone(id) && (isLeaf || !isJson(held))) delete result[name];
    else if (!isLeaf) {
      const left = removeGone(held, child(before, id), child(now, id), below(id), kind);
      if (gone(id) && isJson(left) && Object.keys(left).length === 0) delete result[name];
      else result[name] = left;
    }
  }
  return result;
}

type Clash = { readonly manager: string; readonly path: string };

function conflicts(before: Json, after: Json, fields: Json, others: readonly Json[], kind: Kind): Clash[] {
  const found: Clash[] = [];
  for (const other of others) {
    if (other.operation !== "Apply") continue;
    const manager = text(other, "manager") ?? "";
    compare(
      before,
      after,
      fields,
      child(other, "fieldsV1"),
      "",
      (path) => found.push({ manager, path }),
      kind,
    );
  }
  return found;
}

function compare(
  before: unknown,
  after: unknown,
  mine: Json,
  theirs: Json,
  path: string,
  report: (path: string) => void,
  kind: Kind,
): void {
  for (const [id, fields] of Object.entries(mine)) {
    if (theirs[id] === undefined) continue;
    const [was, is] = [at(before, id), at(after, id)];
    const here = id.startsWith("f:") ? `${path}.${id.slice(2)}` : `${path}[${id.slice(2)}]`;
    const isLeaf = !isJson(fields) || Object.keys(fields).length === 0;
    if (isLeaf && !equal(was, is)) report(here);
    if (!isLeaf) compare(was, is, child(mine, id), child(theirs, id), here, report, kind);
  }
}

function at(value: unknown, id: string): unknown {
  if (Array.isArray(value)) return value.find((item) => isJson(item) && itemKey(item) === id);
  return isJson(value) ? value[id.slice(2)] : undefined;
}

function conflictOf(clashes: readonly Clash[]): Failure {
  const told = clashes.map(({ manager, path }) => `conflict with "${manager}": ${path}`).join(", ");
  const causes = clashes.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with "${manager}"`,
    field: path,
  }));
  const message = `Apply failed with ${clashes.length} conflict${clashes.length === 1 ? "" : "s"}: ${told}`;
  return { code: 409, reason: "Conflict", message, details: { causes } };
}
