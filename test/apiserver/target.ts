import type { Kind } from "./kinds.ts";
import type { Registry } from "./registry.ts";

/** What a path asks for by its form alone, whether it is served or not; RBAC decides on this. */
export type PathInfo = {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
};

/** A kind that is served, and within it a namespace, an object, a subresource. */
export type Target = {
  readonly kind: Kind;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
};

/** Paths that were read lately: clients ask for the same few again and again, and each request is read twice. */
const known = new Map<string, PathInfo | undefined>();
const MOST_KNOWN = 4_096;

/** Reads `/api/v1/...` and `/apis/GROUP/VERSION/...`; undefined for paths that name no resource. */
export function readPath(path: string): PathInfo | undefined {
  const before = known.get(path);
  if (before) return before;
  const info = parsePath(path);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(path, info);
  return info;
}

function parsePath(path: string): PathInfo | undefined {
  const parts = path.split("/").slice(1).map(decoded);
  const [root, ...afterRoot] = parts;
  if ((root !== "api" && root !== "apis") || parts.includes("")) return undefined;
  const [group = "", version = "", ...rest] = root === "api" ? ["", ...afterRoot] : afterRoot;
  // `namespaces/NAME/status` is the status of a namespace, `namespaces/NAME/pods` all pods in it.
  const inside = rest[0] === "namespaces" && rest.length > 2 && !(rest.length === 3 && rest[2] === "status");
  const [resource, name, subresource, ...more] = inside ? rest.slice(2) : rest;
  if (resource === undefined || more.length > 0) return undefined;
  return {
    group,
    version,
    resource,
    ...(inside ? { namespace: rest[1] ?? "" } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function decoded(part: string): string {
  if (!part.includes("%")) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What is served under the path, if anything. */
export function findTarget(registry: Registry, info: PathInfo | undefined): Target | undefined {
  if (!info) return undefined;
  const { namespace, name, subresource } = info;
  const kind = registry.find(info.group, info.version, info.resource);
  if (!kind || (namespace !== undefined && !kind.namespaced)) return undefined;
  // A namespaced kind without a namespace in the path: all namespaces, lists and watches only.
  if (kind.namespaced && namespace === undefined && name !== undefined) return undefined;
  if (subresource !== undefined && !(subresource === "status" && kind.status)) return undefined;
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}
