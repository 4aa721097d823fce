import { err, ok, type Result } from "../../src/result.ts";
import type { Cluster } from "./cluster.ts";
import { badRequest, type Cause, type Failure, invalid, TOO_LARGE_FOR_ETCD } from "./failure.ts";
import { child, equal, having, type Json, list, text } from "./json.ts";
import { apiVersion, CRD_KIND, type Kind } from "./kinds.ts";
import { metadataCauses } from "./names.ts";
import { expressionErrors } from "./policies.ts";
import { established } from "./registry.ts";
import { textOf } from "./render.ts";
import { ruleCauses, ruleErrors } from "./rules.ts";
import { conform, type Schema } from "./schema.ts";
import type { Target } from "./target.ts";

/** etcd's limit for a request, 1.5 MiB. */
const ETCD_LIMIT = 1.5 * 1024 * 1024;

export type Admitted = { readonly object: Json; readonly warnings: readonly string[] };

/** The envelope: kind, version, namespace and name agree with the path. */
export function checkEnvelope(target: Target, object: Json): Result<Json, Failure> {
  const { kind } = target;
  const wanted = apiVersion(kind);
  if (object.apiVersion !== wanted || object.kind !== kind.kind) {
    const got = `${object.apiVersion ?? ""}, Kind=${object.kind ?? ""}`;
    return err(
      badRequest(
        `${kind.kind} in version "${kind.version}" cannot be handled: got ${got}, expected ${wanted}, Kind=${kind.kind}`,
      ),
    );
  }
  const metadata = child(object, "metadata");
  const namespace = text(metadata, "namespace");
  if (namespace !== undefined && namespace !== "" && namespace !== target.namespace) {
    return err(
      badRequest("the namespace of the provided object does not match the namespace sent on the request"),
    );
  }
  const name = text(metadata, "name");
  if (target.name !== undefined && name !== undefined && name !== target.name) {
    return err(
      badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`),
    );
  }
  return ok(
    having(object, {
      metadata: having(metadata, { namespace: target.namespace, name: target.name ?? name }),
    }),
  );
}

const WITH_EXPRESSIONS = new Set(["validatingadmissionpolicies", "validatingwebhookconfigurations"]);

/** Prunes, fills in defaults and validates what is about to be stored; `old` is what it takes the place of. */
export function admit(
  cluster: Cluster,
  kind: Kind,
  candidate: Json,
  old: Json | undefined,
): Result<Admitted, Failure> {
  const metadata = child(candidate, "metadata");
  const name = text(metadata, "name") ?? "";
  const causes: Cause[] = metadataCauses(kind, metadata);
  let object = candidate;
  let warnings: string[] = [];
  if (kind.schema) {
    const conformed = conform(candidate, kind.schema, "");
    object = conformed.value as Json;
    causes.push(...conformed.causes);
    warnings = conformed.unknown.map((path) => `unknown field "${path}"`);
    // As on a real server: only what has the right types is judged by rules.
    if (causes.length === 0) causes.push(...ruleCauses(object, old, kind.schema));
  }
  if (WITH_EXPRESSIONS.has(kind.plural)) causes.push(...expressionErrors(kind, candidate));
  if (kind === CRD_KIND) causes.push(...definitionCauses(candidate));
  if (causes.length > 0) return err(invalid(kind, name, causes));
  if (kind === CRD_KIND) object = established(object, cluster.timestamp());
  return ok({ object, warnings });
}

export function fitsEtcd(object: Json): Failure | undefined {
  return textOf(object).length > ETCD_LIMIT ? TOO_LARGE_FOR_ETCD : undefined;
}

function definitionCauses(definition: Json): Cause[] {
  const spec = child(definition, "spec");
  const wanted = `${text(child(spec, "names"), "plural") ?? ""}.${text(spec, "group") ?? ""}`;
  const name = text(child(definition, "metadata"), "name");
  const rules = list(spec, "versions").flatMap((version, index) => {
    const schema = child(child(version, "schema"), "openAPIV3Schema") as Schema;
    return ruleErrors(schema, `spec.versions[${index}].schema.openAPIV3Schema`);
  });
  if (name === wanted) return rules;
  const message = `Invalid value: "${name}": must be spec.names.plural+"."+spec.group`;
  return [{ reason: "FieldValueInvalid", field: "metadata.name", message }, ...rules];
}

/** metadata.generation counts the changes of everything but metadata and status. */
export function generationOf(kind: Kind, before: Json, after: Json): unknown {
  const { generation } = child(before, "metadata");
  const bare = { metadata: undefined, ...(kind.status ? { status: undefined } : {}) };
  const changed = !equal(having(before, bare), having(after, bare));
  return typeof generation === "number" && changed ? generation + 1 : generation;
}
