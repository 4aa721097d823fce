import * as v from "valibot";
import { isObject, type JsonObject } from "../cni/json.ts";
import type { Findings, Subject } from "./findings.ts";
import { renderValue } from "./issue.ts";
import { element, member } from "./json-path.ts";
import { nearest, nearestHint } from "./nearest.ts";

type ObjectSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;
type ArraySchema = v.ArraySchema<v.GenericSchema, undefined>;
type OptionalSchema = v.ExactOptionalSchema<v.GenericSchema, undefined>;
type Context = {
  readonly found: Findings;
  /** False where only a part of the object is of interest. */
  readonly reportsUnknownKeys: boolean;
};

/**
 * Reads a value in the shape of a schema, as Go's encoding/json would: a key in other letter case is used, null
 * is absent, an unknown key is passed over. Unlike Go it reports all of that. What has the wrong type is reported
 * and left out, so that one mistake does not hide the next.
 */
export function readShape<S extends ObjectSchema>(
  schema: S,
  value: unknown,
  path: string,
  found: Findings,
  reportsUnknownKeys = true,
): v.InferOutput<S> | undefined {
  const parsed = v.safeParse(schema, conform(schema, value, path, { found, reportsUnknownKeys }));
  return parsed.success ? parsed.output : undefined;
}

/** The value as the schema wants it, or undefined if that cannot be had. */
function conform(schema: v.GenericSchema, value: unknown, path: string, context: Context): unknown {
  if (isOptional(schema)) return conform(schema.wrapped, value, path, context);
  if (isObjectSchema(schema) && isObject(value)) return conformObject(schema, value, path, context);
  if (isArraySchema(schema) && Array.isArray(value)) return conformArray(schema, value, path, context);
  return conformScalar(schema, value, path, context.found);
}

function conformObject(schema: ObjectSchema, value: JsonObject, path: string, context: Context): JsonObject {
  const known = Object.keys(schema.entries);
  const byFold = new Map(known.map((key) => [key.toLowerCase(), key]));
  const result: { [key: string]: unknown } = {};
  for (const [key, given] of Object.entries(value)) {
    const name = Object.hasOwn(schema.entries, key) ? key : byFold.get(key.toLowerCase());
    const subject = { path: member(path, key), value: given };
    if (name === undefined) {
      if (context.reportsUnknownKeys) reportUnknownKey(key, subject, known, context.found);
      continue;
    }
    const isShadowed = name !== key && Object.hasOwn(value, name) && value[name] !== null;
    if (name !== key) reportKeyCase(key, name, isShadowed, subject, context.found);
    const entry = schema.entries[name];
    if (isShadowed || given === null || given === undefined || entry === undefined) continue;
    const read = conform(entry, given, subject.path, context);
    if (read !== undefined) result[name] = read;
  }
  return result;
}

function reportUnknownKey(key: string, subject: Subject, known: readonly string[], found: Findings): void {
  if (!found.takesWarnings) return;
  const meant = nearest(key, known);
  const what = `the key ${renderValue(key)} is not known here and has no effect`;
  found.warn("unknown_key", subject, what, meant === undefined ? "remove it" : nearestHint(key, known));
}

function reportKeyCase(
  key: string,
  name: string,
  isShadowed: boolean,
  subject: Subject,
  found: Findings,
): void {
  const effect = isShadowed ? `"${name}" stands there too and wins` : `it is read as "${name}"`;
  found.warn(
    "key_case",
    subject,
    `the key ${renderValue(key)} has other letter case: ${effect}`,
    `write "${name}"`,
  );
}

/** The list, or undefined if it is too long or an item of it is wrong: without that item the others would move. */
function conformArray(
  schema: ArraySchema,
  value: readonly unknown[],
  path: string,
  context: Context,
): readonly unknown[] | undefined {
  const most = limitOf(schema);
  if (value.length > most) {
    const hint = `at most ${most} are accepted; a shorter list with larger networks may say the same`;
    context.found.error("too_many", { path, value }, `the list has ${value.length} entries`, hint);
    return undefined;
  }
  const items = value.map((item, index) =>
    conform(schema.item, item ?? zeroOf(schema.item), element(path, index), context),
  );
  return items.includes(undefined) ? undefined : items;
}

/** What Go makes of a null in a list. */
function zeroOf(schema: v.GenericSchema): unknown {
  return isObjectSchema(schema) ? {} : "";
}

function limitOf(schema: ArraySchema): number {
  const actions: unknown = "pipe" in schema ? schema.pipe : undefined;
  for (const action of Array.isArray(actions) ? actions : []) {
    if (isObject(action) && action.type === "max_length") return Number(action.requirement);
  }
  return Number.POSITIVE_INFINITY;
}

const EXPECTED: Record<string, string> = {
  string: "a text in quotes",
  boolean: "true or false",
  number: "a number without quotes",
  integer: "a whole number",
  array: "a list",
  strict_object: "an object",
};

function conformScalar(schema: v.GenericSchema, value: unknown, path: string, found: Findings): unknown {
  // valibot takes a list for an object; what is an object has been dealt with.
  if (isObjectSchema(schema)) return refuseType(schema.type, value, path, found);
  const parsed = v.safeParse(schema, value, { abortPipeEarly: true });
  if (parsed.success) return parsed.output;
  const [{ type, requirement }] = parsed.issues;
  if (type !== "min_value" && type !== "max_value") return refuseType(type, value, path, found);
  const bound = `it must be ${type === "min_value" ? "at least" : "at most"} ${requirement}`;
  found.error("number_out_of_bounds", { path, value }, `${renderValue(value)} is out of bounds`, bound);
  return undefined;
}

function refuseType(type: string, value: unknown, path: string, found: Findings): undefined {
  const subject = { path: path.replace(/: $/, ""), value };
  const wanted = `${EXPECTED[type] ?? type} is wanted`;
  found.error("invalid_type", subject, `${renderValue(value)} has the wrong type`, wanted);
}

function isOptional(schema: v.GenericSchema): schema is OptionalSchema {
  return schema.type === "exact_optional";
}

function isObjectSchema(schema: v.GenericSchema): schema is ObjectSchema {
  return schema.type === "strict_object";
}

function isArraySchema(schema: v.GenericSchema): schema is ArraySchema {
  return schema.type === "array";
}
