import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isJson, type Json } from "./json.ts";

const HERE = import.meta.dir;
const REPOSITORY = join(HERE, "../..");

/** The objects of a YAML or JSON file, which may hold several documents. */
export function readManifests(path: string): Json[] {
  const parsed: unknown = Bun.YAML.parse(readFileSync(path, "utf8"));
  const documents = Array.isArray(parsed) ? parsed : [parsed];
  return documents.filter(isJson);
}

/** CustomResourceDefinitions of upstream whereabouts: unknown fields of an allocation are pruned. */
export function upstreamCrds(): Json[] {
  return readManifests(join(HERE, "fixtures/whereabouts.yaml"));
}

export function attachmentCrd(): Json[] {
  return readManifests(join(HERE, "fixtures/network-attachment-definitions.yaml"));
}

/** Those that Berth installs, deploy/crds; none where the folder is missing. */
export function berthCrds(): Json[] {
  const folder = join(REPOSITORY, "deploy/crds");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .flatMap((name) => readManifests(join(folder, name)))
    .filter((object) => object.kind === "CustomResourceDefinition");
}
