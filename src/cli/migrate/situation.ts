import type { ApiError, KubeClient, KubeObject, ObjectName, Resource } from "../../kube/api.ts";
import { listAll } from "../../kube/list.ts";
import {
  CONFIG_MAPS,
  type ConfigMap,
  CRDS,
  type CustomResourceDefinition,
  DAEMON_SETS,
  type DaemonSet,
  DEPLOYMENTS,
  NODES,
} from "../../kube/objects.ts";
import { err, ok, type Result } from "../../result.ts";

/** Nodes with this label are over: Berth's agent runs there, and the DaemonSet of whereabouts does not. */
export const LABEL = { key: "berth", value: "yes" } as const;
export const MIGRATION = "berth-migration";
export const WHEREABOUTS = "whereabouts";
export const AGENT = "berth-agent";

const CRON_JOBS: Resource<KubeObject> = {
  group: "batch",
  version: "v1",
  plural: "cronjobs",
  kind: "CronJob",
  namespaced: true,
};

/** What of upstream frees addresses or gives nodes slices, and must not run beside Berth's own. */
export const ASIDE: readonly { readonly resource: Resource<KubeObject>; readonly name: string }[] = [
  { resource: CRON_JOBS, name: "ip-reconciler" },
  { resource: DEPLOYMENTS, name: "whereabouts-reconciler" },
  { resource: DAEMON_SETS, name: "whereabouts-reconciler" },
  { resource: DEPLOYMENTS, name: "whereabouts-controller" },
];

/** What a migration rests on, as the API server has it now. */
export type Situation = {
  readonly crds: ReadonlyMap<string, CustomResourceDefinition>;
  /** Objects of `ASIDE` that exist, by `keyOf`. */
  readonly upstream: ReadonlyMap<string, KubeObject>;
  readonly whereabouts: DaemonSet | undefined;
  readonly agent: DaemonSet | undefined;
  readonly nodes: readonly string[];
  /** Of these, the ones with the label. */
  readonly over: ReadonlySet<string>;
  /** Where objects that were put aside are kept. */
  readonly kept: ConfigMap | undefined;
};

/** The key of an object of `ASIDE` in the ConfigMap. */
export function keyOf({ resource, name }: (typeof ASIDE)[number]): string {
  return `${resource.kind}.${name}`;
}

export async function readSituation(
  client: KubeClient,
  crdNames: readonly string[],
): Promise<Result<Situation, ApiError>> {
  const { namespace } = client;
  const crds = new Map<string, CustomResourceDefinition>();
  for (const name of crdNames) {
    const found = await readIfThere(client, CRDS, { name });
    if (!found.ok) return found;
    if (found.value) crds.set(name, found.value);
  }
  const upstream = new Map<string, KubeObject>();
  for (const one of ASIDE) {
    const found = await readIfThere(client, one.resource, { namespace, name: one.name });
    if (!found.ok) return found;
    if (found.value) upstream.set(keyOf(one), found.value);
  }
  const whereabouts = await readIfThere(client, DAEMON_SETS, { namespace, name: WHEREABOUTS });
  if (!whereabouts.ok) return whereabouts;
  const agent = await readIfThere(client, DAEMON_SETS, { namespace, name: AGENT });
  if (!agent.ok) return agent;
  const kept = await readIfThere(client, CONFIG_MAPS, { namespace, name: MIGRATION });
  if (!kept.ok) return kept;
  const nodes = await listAll(client, NODES, { metadataOnly: true });
  if (!nodes.ok) return nodes;
  const { items } = nodes.value;
  const over = items.filter(({ metadata }) => metadata.labels?.[LABEL.key] === LABEL.value);
  return ok({
    crds,
    upstream,
    whereabouts: whereabouts.value,
    agent: agent.value,
    nodes: items.map(({ metadata }) => metadata.name).sort(),
    over: new Set(over.map(({ metadata }) => metadata.name)),
    kept: kept.value,
  });
}

/** The object, or undefined where it, or its kind, is missing. */
async function readIfThere<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  name: ObjectName,
): Promise<Result<T | undefined, ApiError>> {
  const found = await client.get(resource, name);
  if (found.ok) return ok(found.value);
  const { code } = found.error;
  return code === "not_found" || code === "kind_missing" ? ok(undefined) : err(found.error);
}
