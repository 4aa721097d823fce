import { compile, type Expression } from "./cel.ts";
import type { Cluster } from "./cluster.ts";
import { type Cause, type Failure, forbidden } from "./failure.ts";
import { child, isJson, type Json, list, text } from "./json.ts";
import { type Kind, table } from "./kinds.ts";
import type { Attempt } from "./webhooks.ts";
import { matchesConstraints } from "./webhooks.ts";

const POLICIES = "admissionregistration.k8s.io/validatingadmissionpolicies";
const BINDINGS = "admissionregistration.k8s.io/validatingadmissionpolicybindings";

type Context = { readonly [name: string]: unknown };

export function hasPolicies({ store }: Cluster): boolean {
  return store.list(BINDINGS).length > 0;
}

export type PolicyVerdict = { readonly failure?: Failure; readonly warnings: readonly string[] };

/** What the ValidatingAdmissionPolicies that are bound and match say of a write. */
export function askPolicies(cluster: Cluster, attempt: Attempt): PolicyVerdict {
  const warnings: string[] = [];
  for (const { object: binding } of cluster.store.list(BINDINGS)) {
    const spec = child(binding, "spec");
    const name = text(spec, "policyName") ?? "";
    const policy = cluster.store.get(POLICIES, `/${name}`);
    if (!policy) continue;
    const bound = text(child(binding, "metadata"), "name") ?? "";
    const reasons = judge(cluster, child(policy, "spec"), attempt);
    const actions = list(spec, "validationActions");
    for (const why of reasons) {
      const told = `ValidatingAdmissionPolicy '${name}' with binding '${bound}' denied request: ${why}`;
      if (actions.includes("Deny")) return { failure: denied(attempt, told), warnings };
      if (actions.includes("Warn"))
        warnings.push(
          `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${bound}': ${why}`,
        );
    }
  }
  return { warnings };
}

function denied({ target, name }: Attempt, why: string): Failure {
  // Told as a Forbidden is, under the code of an Invalid, the default of a validation.
  const { message, details } = forbidden(target.kind, name, why);
  const causes = [{ reason: "", field: "", message: why }];
  return { code: 422, reason: "Invalid", message, details: { ...details, causes } };
}

/** Each reason against the write. An expression that fails counts by failurePolicy, which is Fail where left out. */
function judge(cluster: Cluster, spec: Json, attempt: Attempt): string[] {
  const rules = list(child(spec, "matchConstraints"), "resourceRules");
  if (!matchesConstraints(cluster, child(spec, "matchConstraints"), rules, attempt)) return [];
  const isStrict = spec.failurePolicy !== "Ignore";
  const context = contextOf(cluster, spec, attempt);
  try {
    for (const condition of list(spec, "matchConditions"))
      if (evaluate(text(condition, "expression"), context) !== true) return [];
  } catch (problem) {
    return isStrict ? [messageOf(problem)] : [];
  }
  return list(spec, "validations").flatMap((validation): string[] => {
    const expression = text(validation, "expression") ?? "";
    try {
      if (evaluate(expression, context) === true) return [];
      const message = text(validation, "messageExpression");
      if (message !== undefined) return [String(evaluate(message, context))];
      return [text(validation, "message") ?? `failed expression: ${expression}`];
    } catch (problem) {
      return isStrict ? [`expression '${expression}' resulted in error: ${messageOf(problem)}`] : [];
    }
  });
}

function contextOf(cluster: Cluster, spec: Json, attempt: Attempt): Context {
  const { target, operation, name, user, dryRun, object = null, oldObject = null } = attempt;
  const { kind, namespace = "" } = target;
  const request = {
    operation,
    name,
    namespace,
    dryRun,
    kind: { group: kind.group, version: kind.version, kind: kind.kind },
    resource: { group: kind.group, version: kind.version, resource: kind.plural },
    userInfo: { username: user.name, groups: user.groups ?? [], extra: user.extra ?? {} },
  };
  const namespaceObject = cluster.namespace(namespace) ?? null;
  const variables = {};
  const context = { object, oldObject, request, namespaceObject, variables };
  for (const variable of list(spec, "variables")) {
    let value: { readonly is: unknown } | undefined;
    Object.defineProperty(variables, text(variable, "name") ?? "", {
      enumerable: true,
      get: () => {
        value ??= { is: evaluate(text(variable, "expression"), context) };
        return value.is;
      },
    });
  }
  return context;
}

function evaluate(expression: string | undefined, context: Context): unknown {
  return expressionOf(expression ?? "")(context);
}

function expressionOf(expression: string): Expression {
  const compiled = compile(expression);
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value;
}

function messageOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}

/** Expressions of a policy or of the match conditions of webhooks that do not compile: the object is refused. */
export function expressionErrors(kind: Kind, object: Json): Cause[] {
  const causes: Cause[] = [];
  const check = (items: readonly unknown[], path: string) => {
    for (const [index, item] of items.entries())
      for (const key of ["expression", "messageExpression"]) {
        const expression = text(item, key);
        const compiled = expression === undefined ? undefined : compile(expression);
        if (!compiled || compiled.ok) continue;
        const message = `Invalid value: "${expression}": compilation failed: ${compiled.error}`;
        causes.push({ reason: "FieldValueInvalid", field: `${path}[${index}].${key}`, message });
      }
  };
  if (table(kind) === POLICIES) {
    const spec = child(object, "spec");
    for (const key of ["matchConditions", "variables", "validations"]) check(list(spec, key), `spec.${key}`);
  } else {
    for (const [index, webhook] of list(object, "webhooks").filter(isJson).entries())
      check(list(webhook, "matchConditions"), `webhooks[${index}].matchConditions`);
  }
  return causes;
}

/** Whether all `matchConditions` of a webhook hold. Where one fails to evaluate, it is asked if its failurePolicy is Fail (a real server refuses). */
export function meetsConditions(cluster: Cluster, webhook: Json, attempt: Attempt): boolean {
  const context = contextOf(cluster, {}, attempt);
  return list(webhook, "matchConditions").every((condition) => {
    try {
      return evaluate(text(condition, "expression"), context) !== false;
    } catch {
      return webhook.failurePolicy !== "Ignore";
    }
  });
}
