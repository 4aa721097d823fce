import { apiVersion, type Kind } from "./kinds.ts";
import type { Registry } from "./registry.ts";
import { json, plain, type Reply } from "./server.ts";

const VERSION = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0+double",
  platform: "linux/amd64",
};

/** Paths that name no object: health, version, and which groups and kinds are served. */
export function discover(registry: Registry, path: string): Reply | undefined {
  if (/^\/(healthz|livez|readyz)(\/|$)/.test(path)) return plain(200, "ok");
  if (path === "/version") return give(VERSION);
  if (path === "/api") return give({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
  const kinds = [...registry.all()];
  if (path === "/apis") {
    const groups = [...new Set(kinds.map((kind) => kind.group))].filter((group) => group !== "");
    return give({
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: groups.map((group) => groupOf(kinds, group)),
    });
  }
  const [, root, ...rest] = path.split("/");
  const [group, version] = root === "api" ? ["", ...rest] : rest;
  if ((root !== "api" && root !== "apis") || rest.length > (root === "api" ? 1 : 2)) return undefined;
  if (!kinds.some((kind) => kind.group === group)) return undefined;
  if (version === undefined)
    return give({ apiVersion: "v1", kind: "APIGroup", ...groupOf(kinds, group ?? "") });
  const served = kinds.filter((kind) => kind.group === group && kind.version === version);
  const [first] = served;
  if (!first) return undefined;
  return give({
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersion(first),
    resources: served.flatMap(resourcesOf),
  });
}

function give(object: object): Reply {
  return json(200, JSON.stringify(object));
}

function groupOf(kinds: readonly Kind[], group: string) {
  const names = [...new Set(kinds.filter((kind) => kind.group === group).map((kind) => kind.version))];
  const versions = names.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourcesOf(kind: Kind) {
  const main = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    shortNames: kind.shortNames,
  };
  if (!kind.status) return [main];
  const { namespaced } = kind;
  return [
    main,
    {
      name: `${kind.plural}/status`,
      singularName: "",
      namespaced,
      kind: kind.kind,
      verbs: ["get", "patch", "update"],
    },
  ];
}
