import type { KubeClient } from "../../kube/api.ts";
import { CRDS, IP_POOLS, type JsonSchema, RESERVATIONS } from "../../kube/objects.ts";

/** What Berth writes into an allocation beyond the fields of upstream, and what each is for. */
const OPTIONAL = {
  uid: "pods of one name are not told apart",
  node: "GC and take-over do not know whose an address is",
  network: "GC frees nothing",
  since: "the age of an address is not shown",
  slot: "several addresses of one range are told apart by their order only",
} as const;

/**
 * What the installed CRDs lack, for people, one sentence a finding; none: all is well. Without the right to read
 * CRDs nothing is said, since that right is not needed for anything else.
 */
export async function checkCrds(client: KubeClient, timeout: number): Promise<string[]> {
  const found: string[] = [];
  for (const { plural, group, version } of [IP_POOLS, RESERVATIONS]) {
    const name = `${plural}.${group}`;
    const crd = await client.get(CRDS, { name }, { timeout });
    if (!crd.ok) {
      if (crd.error.code === "not_found") found.push(`the CustomResourceDefinition ${name} is not installed`);
      continue;
    }
    const served = crd.value.spec.versions.find(
      (candidate) => candidate.name === version && candidate.served,
    );
    if (!served) found.push(`the CustomResourceDefinition ${name} does not serve ${version}`);
    else if (plural === IP_POOLS.plural) found.push(...pruned(name, served.schema?.openAPIV3Schema));
  }
  return found;
}

function pruned(name: string, schema: JsonSchema | undefined): string[] {
  const allocations = schema?.properties?.spec?.properties?.allocations;
  const entry = allocations?.additionalProperties;
  if (typeof entry !== "object" || keepsAll(schema) || keepsAll(allocations) || keepsAll(entry)) return [];
  const lost = Object.entries(OPTIONAL).filter(([field]) => entry.properties?.[field] === undefined);
  if (lost.length === 0) return [];
  const fields = lost.map(([field, cost]) => `${field} (${cost})`).join(", ");
  return [`the CustomResourceDefinition ${name} prunes ${fields}; install the one of Berth to keep them`];
}

function keepsAll(schema: JsonSchema | undefined): boolean {
  return schema?.["x-kubernetes-preserve-unknown-fields"] === true;
}
