import { child, having, type Json } from "./json.ts";

const texts = new WeakMap<Json, string>();

/** The object as JSON, made once: stored objects never change. */
export function textOf(object: Json): string {
  const known = texts.get(object);
  if (known !== undefined) return known;
  const made = JSON.stringify(object);
  texts.set(object, made);
  return made;
}

const partials = new WeakMap<Json, Json>();

/** The same object as PartialObjectMetadata. */
export function partial(object: Json): Json {
  const known = partials.get(object);
  if (known) return known;
  const made = {
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: child(object, "metadata"),
  };
  partials.set(object, made);
  return made;
}

const versions = new WeakMap<Json, Map<string, Json>>();

/** The same object under another version of its API, as the conversion strategy None has it. */
export function inVersion(object: Json, apiVersion: string): Json {
  if (object.apiVersion === apiVersion) return object;
  const known = versions.get(object) ?? new Map<string, Json>();
  versions.set(object, known);
  const made = known.get(apiVersion) ?? having(object, { apiVersion });
  known.set(apiVersion, made);
  return made;
}
