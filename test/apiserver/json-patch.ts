import { err, ok, type Result } from "../../src/result.ts";
import { equal, isJson, type Json } from "./json.ts";

/**
 * RFC 6902 as the API server has it (evanphx/json-patch): a missing path equals null in a `test`, but a missing parent
 * fails. The document stays as it is; what changes is copied once. The error names the operation, for our logs only.
 */
export function applyJsonPatch(document: Json, patch: readonly unknown[]): Result<Json, string> {
  const draft = new Draft(document);
  for (const [index, operation] of patch.entries()) {
    if (!isJson(operation) || !apply(draft, operation)) {
      return err(`operation ${index} does not fit: ${JSON.stringify(operation)}`);
    }
  }
  return isJson(draft.root) ? ok(draft.root) : err("the result is no object");
}

function apply(draft: Draft, { op, path, from, value }: Json): boolean {
  if (typeof path !== "string") return false;
  const to = tokens(path);
  if (!to) return false;
  switch (op) {
    case "test": {
      const found = draft.read(to);
      return found.parent && equal(found.value ?? null, value ?? null);
    }
    case "add":
      return draft.write(to, value, "add");
    case "replace":
      return draft.write(to, value, "replace");
    case "remove":
      return draft.remove(to);
    case "move":
    case "copy": {
      const source = typeof from === "string" ? tokens(from) : undefined;
      if (!source) return false;
      const found = draft.read(source);
      if (!found.present || (op === "move" && !draft.remove(source))) return false;
      return draft.write(to, found.value, "add");
    }
    default:
      return false;
  }
}

/** The parts of a JSON pointer (RFC 6901); undefined where it is none. */
function tokens(pointer: string): string[] | undefined {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) return undefined;
  const parts = pointer.slice(1).split("/");
  return pointer.includes("~")
    ? parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    : parts;
}

type Container = { [key: string]: unknown } | unknown[];
type Found = { readonly parent: boolean; readonly present: boolean; readonly value: unknown };

/** A document of which only what is written to gets copied, and that only once. */
class Draft {
  root: unknown;
  readonly #own = new Set<unknown>();

  constructor(root: unknown) {
    this.root = root;
  }

  read(path: readonly string[]): Found {
    let value: unknown = this.root;
    let present = true;
    for (const part of path) {
      if (!present || typeof value !== "object" || value === null)
        return { parent: false, present: false, value };
      present = Object.hasOwn(value, part);
      value = present ? (value as Json)[part] : undefined;
    }
    return { parent: true, present, value };
  }

  write(path: readonly string[], value: unknown, how: "add" | "replace"): boolean {
    const last = path.at(-1);
    if (last === undefined) {
      this.root = value;
      return true;
    }
    const parent = this.#container(path);
    if (!parent) return false;
    if (!Array.isArray(parent)) {
      if (how === "replace" && !Object.hasOwn(parent, last)) return false;
      parent[last] = value;
      return true;
    }
    const index = last === "-" && how === "add" ? parent.length : indexOf(last);
    if (index === undefined || index > parent.length - (how === "add" ? 0 : 1)) return false;
    parent.splice(index, how === "add" ? 0 : 1, value);
    return true;
  }

  remove(path: readonly string[]): boolean {
    const last = path.at(-1);
    const parent = last === undefined ? undefined : this.#container(path);
    if (!parent || last === undefined || !Object.hasOwn(parent, last)) return false;
    if (!Array.isArray(parent)) return delete parent[last];
    const index = indexOf(last);
    if (index === undefined) return false;
    parent.splice(index, 1);
    return true;
  }

  /** The parent of the path's end, copied so that it may be written to. */
  #container(path: readonly string[]): Container | undefined {
    this.root = this.#owned(this.root);
    let at = this.root;
    for (const part of path.slice(0, -1)) {
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
      const holder = at as { [key: string]: unknown };
      const next = this.#owned(holder[part]);
      holder[part] = next;
      at = next;
    }
    return typeof at === "object" && at !== null ? (at as Container) : undefined;
  }

  #owned(value: unknown): unknown {
    if (typeof value !== "object" || value === null || this.#own.has(value)) return value;
    const copy = Array.isArray(value) ? [...value] : { ...value };
    this.#own.add(copy);
    return copy;
  }
}

function indexOf(part: string): number | undefined {
  return /^(0|[1-9]\d*)$/.test(part) ? Number(part) : undefined;
}

/** RFC 7386: null removes, objects are merged, all else replaces. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return patch;
  const result: { [key: string]: unknown } = isJson(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = applyMergePatch(result[key], value);
  }
  return result;
}
