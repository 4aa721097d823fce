import type { Cluster } from "./cluster.ts";
import type { Failure } from "./failure.ts";
import type { User } from "./identity.ts";
import { child, isJson, type Json, list, text } from "./json.ts";
import { apiVersion } from "./kinds.ts";
import { meetsConditions } from "./policies.ts";
import type { Target } from "./target.ts";

/** A write that is about to happen. */
export type Attempt = {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly target: Target;
  readonly name: string;
  readonly object?: Json;
  readonly oldObject?: Json;
  readonly user: User;
  readonly dryRun: boolean;
};

const CONFIGURATIONS = "admissionregistration.k8s.io/validatingwebhookconfigurations";

export function hasWebhooks(cluster: Cluster): boolean {
  return cluster.store.list(CONFIGURATIONS).length > 0;
}

/** The validating webhooks whose rules, selectors and conditions match the write. */
export function matchingWebhooks(cluster: Cluster, attempt: Attempt): Json[] {
  const configurations = cluster.store.list(CONFIGURATIONS);
  return configurations
    .flatMap(({ object }) => list(object, "webhooks").filter(isJson))
    .filter((webhook) => matchesConstraints(cluster, webhook, list(webhook, "rules"), attempt))
    .filter((webhook) => meetsConditions(cluster, webhook, attempt));
}

/** Whether a write meets one of the rules and both selectors. */
export function matchesConstraints(
  cluster: Cluster,
  constraints: Json,
  rules: readonly unknown[],
  attempt: Attempt,
): boolean {
  const { kind, subresource, namespace } = attempt.target;
  const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
  const isNamed = rules.some((found) => {
    const has = (key: string, value: string) =>
      list(found, key).some((item) => item === value || item === "*");
    return (
      has("operations", attempt.operation) &&
      has("apiGroups", kind.group) &&
      has("apiVersions", kind.version) &&
      has("resources", resource)
    );
  });
  if (!isNamed) return false;
  const home = cluster.namespace(namespace ?? "");
  if (home && !fits(child(constraints, "namespaceSelector"), home)) return false;
  const selector = child(constraints, "objectSelector");
  return [attempt.object, attempt.oldObject].some((object) => object && fits(selector, object));
}

function fits(selector: Json, object: Json): boolean {
  const labels = child(child(object, "metadata"), "labels");
  const equal = Object.entries(child(selector, "matchLabels")).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    list(selector, "matchExpressions").every((expression) => {
      const key = text(expression, "key") ?? "";
      const isIn = Object.hasOwn(labels, key) && list(expression, "values").includes(labels[key]);
      switch (text(expression, "operator")) {
        case "In":
          return isIn;
        case "NotIn":
          return !isIn;
        case "Exists":
          return Object.hasOwn(labels, key);
        default:
          return !Object.hasOwn(labels, key);
      }
    })
  );
}

export type Verdict = { readonly failure?: Failure; readonly warnings: readonly string[] };

/** Asks the webhooks all at once, as a real server does; the first refusal in their order counts. */
export async function askWebhooks(
  cluster: Cluster,
  webhooks: readonly Json[],
  attempt: Attempt,
): Promise<Verdict> {
  const verdicts = await Promise.all(webhooks.map((webhook) => ask(cluster, webhook, attempt)));
  const failure = verdicts.find((verdict) => verdict.failure)?.failure;
  return { ...(failure ? { failure } : {}), warnings: verdicts.flatMap((verdict) => verdict.warnings) };
}

async function ask(cluster: Cluster, webhook: Json, attempt: Attempt): Promise<Verdict> {
  const name = text(webhook, "name") ?? "";
  const { url, caBundle } = child(webhook, "clientConfig");
  const seconds = typeof webhook.timeoutSeconds === "number" ? webhook.timeoutSeconds : 10;
  const body = JSON.stringify(reviewOf(cluster, attempt));
  const ca = typeof caBundle === "string" ? { tls: { ca: atob(caBundle) } } : {};
  try {
    const answer = await fetch(String(url), {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body,
      signal: AbortSignal.timeout(seconds * 1000),
      ...ca,
    });
    if (answer.status !== 200) return unanswered(webhook, `status ${answer.status}`);
    const response = child(await answer.json(), "response");
    const warnings = list(response, "warnings").map(String);
    if (response.allowed === true) return { warnings };
    const status = child(response, "status");
    const message = `admission webhook "${name}" denied the request: ${text(status, "message") ?? "without explanation"}`;
    const code = typeof status.code === "number" ? status.code : 403;
    return { failure: { code, reason: text(status, "reason") ?? "Forbidden", message }, warnings };
  } catch (problem) {
    return unanswered(webhook, problem instanceof Error ? problem.message : String(problem));
  }
}

/** failurePolicy decides; it is Fail where left out. */
function unanswered(webhook: Json, why: string): Verdict {
  if (webhook.failurePolicy === "Ignore") return { warnings: [] };
  const message = `Internal error occurred: failed calling webhook "${webhook.name}": failed to call webhook: ${why}`;
  return { failure: { code: 500, reason: "InternalError", message }, warnings: [] };
}

function reviewOf(
  cluster: Cluster,
  { operation, target, name, object, oldObject, user, dryRun }: Attempt,
): Json {
  const { kind, namespace, subresource } = target;
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: cluster.uid(),
      kind: { group: kind.group, version: kind.version, kind: kind.kind },
      resource: { group: kind.group, version: kind.version, resource: kind.plural },
      ...(subresource === undefined ? {} : { subResource: subresource }),
      requestKind: { group: kind.group, version: kind.version, kind: kind.kind },
      requestResource: { group: kind.group, version: kind.version, resource: kind.plural },
      name,
      ...(namespace === undefined ? {} : { namespace }),
      operation,
      userInfo: { username: user.name, groups: user.groups ?? [] },
      object: object ? { ...object, apiVersion: apiVersion(kind) } : null,
      oldObject: oldObject ?? null,
      dryRun,
      options: null,
    },
  };
}
