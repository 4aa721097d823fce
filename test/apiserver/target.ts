import type { Kind } from "./kinds.ts";
import type { Registry } from "./registry.ts";

/** What a path names: a kind, and within it a namespace, an object, a subresource. */
export type Target = {
  readonly kind: Kind;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
};

/** Reads `/api/v1/...` and `/apis/GROUP/VERSION/...`; undefined where nothing is served under the path. */
export function findTarget(registry: Registry, path: string): Target | undefined {
  const parts = path.split("/").slice(1).map(decodeURIComponent);
  const [root, ...afterRoot] = parts;
  if (root !== "api" && root !== "apis") return undefined;
  const [group = "", version = "", ...rest] = root === "api" ? ["", ...afterRoot] : afterRoot;
  if (rest.length === 0 || rest.includes("")) return undefined;
  const [first, second = "", ...below] = rest;
  if (first === "namespaces" && below.length > 0) {
    const [plural = "", name, subresource, ...more] = below;
    const kind = more.length > 0 ? undefined : registry.find(group, version, plural);
    if (kind?.namespaced) return target(kind, second, name, subresource);
  }
  const [plural = "", name, subresource, ...more] = rest;
  const kind = more.length > 0 ? undefined : registry.find(group, version, plural);
  // A namespaced kind without a namespace in the path: all namespaces, lists and watches only.
  if (!kind || (kind.namespaced && name !== undefined)) return undefined;
  return target(kind, undefined, name, subresource);
}

function target(kind: Kind, namespace?: string, name?: string, subresource?: string): Target | undefined {
  if (subresource !== undefined && !(subresource === "status" && kind.status)) return undefined;
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}
