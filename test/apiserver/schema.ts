import type { Cause } from "./failure.ts";
import { equal, isJson, type Json } from "./json.ts";

/** A structural schema (apiextensions.k8s.io/v1 JSONSchemaProps), as far as the double evaluates it. */
export type Schema = {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: { readonly [name: string]: Schema };
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message?: string }[];
};

export type Conformed = {
  readonly value: unknown;
  /** Paths of fields that were pruned. */
  readonly unknown: readonly string[];
  readonly causes: readonly Cause[];
};

/**
 * Parts of objects that fit their schema as they are. Stored objects never change and patched ones share their parts
 * with the old ones, so that a patch of a large object checks only what it touched.
 */
const fitting = new WeakMap<Schema, WeakSet<object>>();

/** Prunes, fills in defaults and validates, in that order for each value, as the API server does on a write. */
export function conform(value: unknown, schema: Schema, path: string): Conformed {
  const unknown: string[] = [];
  const causes: Cause[] = [];
  return { value: walk(value, schema, path, unknown, causes), unknown, causes };
}

function walk(value: unknown, schema: Schema, path: string, unknown: string[], causes: Cause[]): unknown {
  const known = typeof value === "object" && value !== null ? value : undefined;
  if (known && fitting.get(schema)?.has(known)) return value;
  const before = unknown.length + causes.length;
  const result = fit(value, schema, path, unknown, causes);
  if (known && result === value && unknown.length + causes.length === before) {
    const set = fitting.get(schema) ?? new WeakSet();
    fitting.set(schema, set.add(known));
  }
  return result;
}

function fit(value: unknown, schema: Schema, path: string, unknown: string[], causes: Cause[]): unknown {
  const mismatch = typeMismatch(value, schema);
  if (mismatch !== undefined) {
    const message = `Invalid value: "${mismatch}": ${path} in body must be of type ${schema.type}: "${mismatch}"`;
    causes.push({ reason: "FieldValueTypeInvalid", field: path, message });
    return value;
  }
  limits(value, schema, path, causes);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return value;
    return same(
      value,
      value.map((item, index) => walk(item, items, `${path}[${index}]`, unknown, causes)),
    );
  }
  return isJson(value) ? members(value, schema, path, unknown, causes) : value;
}

function members(object: Json, schema: Schema, path: string, unknown: string[], causes: Cause[]): Json {
  const result: { [key: string]: unknown } = {};
  let changed = false;
  for (const key in object) {
    const at = path === "" ? key : `${path}.${key}`;
    const rule = schema.properties?.[key] ?? schema.additionalProperties;
    if (isEnvelope(schema, path, key)) {
      result[key] = object[key];
    } else if (typeof rule === "object") {
      const value = object[key];
      if (value === null && !rule.nullable && rule.default !== undefined) {
        changed = true;
        continue;
      }
      result[key] = walk(value, rule, at, unknown, causes);
      changed ||= result[key] !== value;
    } else if (rule === true || keepsUnknown(schema)) {
      result[key] = object[key];
    } else {
      unknown.push(at);
      changed = true;
    }
  }
  for (const key in schema.properties) {
    const rule = schema.properties[key];
    if (rule?.default === undefined || result[key] !== undefined) continue;
    result[key] = structuredClone(rule.default);
    changed = true;
  }
  for (const key of schema.required ?? []) {
    if (result[key] !== undefined) continue;
    causes.push({
      reason: "FieldValueRequired",
      field: path === "" ? key : `${path}.${key}`,
      message: "Required value",
    });
  }
  return changed ? result : object;
}

function keepsUnknown(schema: Schema): boolean {
  if (schema["x-kubernetes-preserve-unknown-fields"]) return true;
  return (
    schema.properties === undefined && schema.additionalProperties === undefined && schema.type === undefined
  );
}

function isEnvelope(schema: Schema, path: string, key: string): boolean {
  if (key !== "apiVersion" && key !== "kind" && key !== "metadata") return false;
  return path === "" || schema["x-kubernetes-embedded-resource"] === true;
}

function same<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  return before.every((item, index) => item === after[index]) ? before : after;
}

/** The name of the type that the value has instead of the schema's; undefined where it fits. */
function typeMismatch(value: unknown, schema: Schema): string | undefined {
  if (schema["x-kubernetes-int-or-string"] || schema.type === undefined) return undefined;
  if (value === null) return schema.nullable ? undefined : "null";
  const type = typeName(value);
  if (type === schema.type || (type === "integer" && schema.type === "number")) return undefined;
  return type;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

const patterns = new Map<string, RegExp>();

function matches(pattern: string, value: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(pattern, "u");
  patterns.set(pattern, known);
  return known.test(value);
}

function limits(value: unknown, schema: Schema, field: string, causes: Cause[]): void {
  const fail = (message: string) =>
    causes.push({
      reason: "FieldValueInvalid",
      field,
      message: `Invalid value: ${JSON.stringify(value)}: ${field} in body ${message}`,
    });
  const tooMany = (count: number, most: number) =>
    causes.push({
      reason: "FieldValueTooMany",
      field,
      message: `Too many: ${count}: must have at most ${most} items`,
    });
  if (schema.enum && !schema.enum.some((allowed) => equal(allowed, value))) {
    const supported = schema.enum.map((item) => JSON.stringify(item)).join(", ");
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`;
    causes.push({ reason: "FieldValueNotSupported", field, message });
  }
  if (typeof value === "string") {
    const length = [...value].length;
    if (schema.pattern !== undefined && !matches(schema.pattern, value))
      fail(`should match '${schema.pattern}'`);
    if (schema.minLength !== undefined && length < schema.minLength) {
      fail(`should be at least ${schema.minLength} chars long`);
    }
    if (schema.maxLength !== undefined && length > schema.maxLength) {
      const message = `Too long: may not be more than ${schema.maxLength} bytes`;
      causes.push({ reason: "FieldValueTooLong", field, message });
    }
  } else if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) {
      fail(`should be greater than or equal to ${schema.minimum}`);
    }
    if (schema.maximum !== undefined && value > schema.maximum) {
      fail(`should be less than or equal to ${schema.maximum}`);
    }
  } else if (Array.isArray(value)) {
    if (schema.maxItems !== undefined && value.length > schema.maxItems)
      tooMany(value.length, schema.maxItems);
    if (schema.minItems !== undefined && value.length < schema.minItems) {
      fail(`should have at least ${schema.minItems} items`);
    }
  } else if (isJson(value) && (schema.maxProperties !== undefined || schema.minProperties !== undefined)) {
    const count = Object.keys(value).length;
    if (schema.maxProperties !== undefined && count > schema.maxProperties)
      tooMany(count, schema.maxProperties);
    if (schema.minProperties !== undefined && count < schema.minProperties) {
      fail(`should have at least ${schema.minProperties} properties`);
    }
  }
}
