import { compile, type Expression } from "./cel.ts";
import type { Cause } from "./failure.ts";
import { isJson } from "./json.ts";
import type { Schema } from "./schema.ts";

type Rule = NonNullable<Schema["x-kubernetes-validations"]>[number];
type CompiledRule = { readonly rule: Rule; readonly holds: Expression; readonly isTransition: boolean };

/** Schemas with `x-kubernetes-validations` in them, so that all others cost a look-up. */
type Site = {
  readonly rules: readonly CompiledRule[];
  readonly properties: readonly (readonly [string, Site])[];
  readonly values?: Site;
  readonly items?: Site;
};

const sites = new WeakMap<Schema, { readonly site: Site | undefined }>();

/** Rules that do not compile: such a CustomResourceDefinition is refused. */
export function ruleErrors(schema: Schema, path: string): Cause[] {
  const own = (schema["x-kubernetes-validations"] ?? []).flatMap(({ rule }, index): Cause[] => {
    const compiled = compile(rule);
    if (compiled.ok) return [];
    const field = `${path}.x-kubernetes-validations[${index}].rule`;
    return [
      {
        reason: "FieldValueInvalid",
        field,
        message: `Invalid value: "${rule}": compilation failed: ${compiled.error}`,
      },
    ];
  });
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    ruleErrors(inner, `${path}.properties[${name}]`),
  );
  const { additionalProperties: values, items } = schema;
  return [
    ...own,
    ...properties,
    ...(typeof values === "object" ? ruleErrors(values, `${path}.additionalProperties`) : []),
    ...(items ? ruleErrors(items, `${path}.items`) : []),
  ];
}

/**
 * What `x-kubernetes-validations` say of a value. Rules that name `oldSelf` are for updates, and for values that were there before
 * (not for items of lists, which are not told apart here).
 */
export function ruleCauses(value: unknown, old: unknown, schema: Schema): Cause[] {
  const found = sites.get(schema) ?? { site: siteOf(schema) };
  sites.set(schema, found);
  const causes: Cause[] = [];
  if (found.site) judge(value, old, found.site, "", causes);
  return causes;
}

function siteOf(schema: Schema): Site | undefined {
  const rules = (schema["x-kubernetes-validations"] ?? []).flatMap((rule): CompiledRule[] => {
    const compiled = compile(rule.rule);
    return compiled.ok ? [{ rule, holds: compiled.value, isTransition: /\boldSelf\b/.test(rule.rule) }] : [];
  });
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, inner]): [string, Site][] => {
    const site = siteOf(inner);
    return site ? [[name, site]] : [];
  });
  const { additionalProperties } = schema;
  const values = typeof additionalProperties === "object" ? siteOf(additionalProperties) : undefined;
  const items = schema.items && siteOf(schema.items);
  if (rules.length + properties.length === 0 && !values && !items) return undefined;
  return { rules, properties, ...(values && { values }), ...(items && { items }) };
}

function judge(self: unknown, oldSelf: unknown, site: Site, path: string, causes: Cause[]): void {
  if (self === undefined || self === null) return;
  for (const { rule, holds, isTransition } of site.rules) {
    if (isTransition && (oldSelf === undefined || oldSelf === null)) continue;
    const why = failureOf(holds, { self, oldSelf }, rule);
    if (why !== undefined)
      causes.push({
        reason: "FieldValueInvalid",
        field: path,
        message: `Invalid value: "${typeName(self)}": ${why}`,
      });
  }
  if (Array.isArray(self)) {
    const { items } = site;
    if (items)
      for (const [index, item] of self.entries()) judge(item, undefined, items, `${path}[${index}]`, causes);
    return;
  }
  if (!isJson(self)) return;
  const before = isJson(oldSelf) ? oldSelf : {};
  const below = (key: string) => (path === "" ? key : `${path}.${key}`);
  for (const [name, inner] of site.properties) judge(self[name], before[name], inner, below(name), causes);
  if (site.values) for (const key in self) judge(self[key], before[key], site.values, below(key), causes);
}

function failureOf(holds: Expression, context: object, { rule, message }: Rule): string | undefined {
  try {
    return holds({ ...context }) === true ? undefined : (message ?? `failed rule: ${rule}`);
  } catch (problem) {
    return `rule evaluation failed: ${problem instanceof Error ? problem.message : String(problem)}`;
  }
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}
