import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { isObject, type JsonObject } from "../cni/json.ts";
import { err, ok, type Result } from "../result.ts";
import type { KubeconfigError } from "./endpoint.ts";

/** One named part of a kubeconfig and where it was written, for messages and relative paths. */
export type Entry = { readonly value: JsonObject; readonly file: string; readonly at: string };

/** What a kubeconfig holds, by name; of several files the first that names something wins, as in client-go. */
export type Parts = {
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly currentContext: string;
};

/** Larger than any kubeconfig; certificates are a few KiB each. */
const MAX_FILE = 4 * 1024 * 1024;

/** Reads kubeconfig files, YAML or JSON, and merges them. With several, those that do not exist are passed over. */
export function readParts(files: readonly string[]): Result<Parts, KubeconfigError> {
  const clusters = new Map<string, Entry>();
  const users = new Map<string, Entry>();
  const contexts = new Map<string, Entry>();
  let currentContext = "";
  let missing: Result<never, KubeconfigError> | undefined;
  let found = 0;
  for (const file of files) {
    const root = readRoot(file);
    if (!root.ok && root.error.code === "kubeconfig_missing") {
      missing = root;
      continue;
    }
    if (!root.ok) return root;
    found++;
    for (const [key, singular, into] of [
      ["clusters", "cluster", clusters],
      ["users", "user", users],
      ["contexts", "context", contexts],
    ] as const) {
      const added = addEntries(root.value, file, key, singular, into);
      if (!added.ok) return added;
    }
    const current = root.value["current-context"];
    if (currentContext === "" && typeof current === "string") currentContext = current;
  }
  if (found === 0 && missing) return missing;
  return ok({ clusters, users, contexts, currentContext });
}

/** Reads a file that a kubeconfig names, relative to the kubeconfig's own folder. */
export function readBeside(entry: Entry, key: string, path: string): Result<string, KubeconfigError> {
  const full = isAbsolute(path) ? path : join(dirname(entry.file), path);
  const at = `${entry.file}: ${entry.at}.${key}`;
  const text = readFile(full);
  return text.ok ? text : err({ ...text.error, path: at });
}

export function readFile(path: string): Result<string, KubeconfigError> {
  try {
    const bytes = readFileSync(path);
    if (bytes.byteLength <= MAX_FILE) return ok(bytes.toString("utf8"));
    const message = `${path} has ${bytes.byteLength} bytes`;
    return err({ code: "kubeconfig_invalid", path, message, hint: "name the right file" });
  } catch (thrown) {
    const { code = "" } = thrown as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") {
      const hint =
        "name an existing file; on a node the installer writes whereabouts.d/whereabouts.kubeconfig";
      return err({ code: "kubeconfig_missing", path, message: `${path} does not exist`, hint });
    }
    const message = `${path} cannot be read (${code || thrown})`;
    return err({
      code: "kubeconfig_unreadable",
      path,
      message,
      hint: "check the owner and the mode of the file",
    });
  }
}

function readRoot(file: string): Result<JsonObject, KubeconfigError> {
  const text = readFile(file);
  if (!text.ok) return text;
  const root = parse(text.value);
  if (root.ok && isObject(root.value)) return ok(root.value);
  const message = root.ok ? "the file is empty or holds no mapping" : `neither YAML nor JSON: ${root.error}`;
  const hint = 'a kubeconfig has the keys "clusters", "users", "contexts" and "current-context"';
  return err({ code: "kubeconfig_invalid", path: file, message, hint });
}

function parse(text: string): Result<unknown, string> {
  try {
    return ok(text.trimStart().startsWith("{") ? JSON.parse(text) : Bun.YAML.parse(text));
  } catch (thrown) {
    // JSON is YAML too, but the other way round a flow mapping of YAML is not JSON.
    return text.trimStart().startsWith("{") ? parseYaml(text) : err(textOf(thrown));
  }
}

function parseYaml(text: string): Result<unknown, string> {
  try {
    return ok(Bun.YAML.parse(text));
  } catch (thrown) {
    return err(textOf(thrown));
  }
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function addEntries(
  root: JsonObject,
  file: string,
  key: string,
  singular: string,
  into: Map<string, Entry>,
): Result<void, KubeconfigError> {
  const list = root[key] ?? [];
  const refuse = (at: string, message: string) =>
    err<KubeconfigError>({
      code: "kubeconfig_invalid",
      path: `${file}: ${at}`,
      message,
      hint: `"${key}" is a list of {name, ${singular}}`,
    });
  if (!Array.isArray(list)) return refuse(key, "not a list");
  for (const [index, item] of list.entries()) {
    const at = `${key}[${index}]`;
    if (!isObject(item)) return refuse(at, "not a mapping");
    if (typeof item.name !== "string") return refuse(`${at}.name`, "the name is missing or no text");
    const value = item[singular] ?? {};
    if (!isObject(value)) return refuse(`${at}.${singular}`, "not a mapping");
    if (!into.has(item.name)) into.set(item.name, { value, file, at: `${at}.${singular}` });
  }
  return ok(undefined);
}
