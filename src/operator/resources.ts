import type { KubeObject, Resource } from "../kube/api.ts";
import { ATTACHMENTS, DAEMON_SETS, DEPLOYMENTS } from "../kube/objects.ts";

const DISRUPTION_BUDGETS: Resource<KubeObject> = {
  group: "policy",
  version: "v1",
  plural: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  namespaced: true,
};

/** Kinds of the workloads. */
export const WORKLOAD_RESOURCES: readonly Resource<KubeObject>[] = [
  DAEMON_SETS,
  DEPLOYMENTS,
  DISRUPTION_BUDGETS,
];

/** Every kind that the operator writes. */
export function resourceOf({ kind }: KubeObject): Resource<KubeObject> | undefined {
  return [ATTACHMENTS, ...WORKLOAD_RESOURCES].find((resource) => resource.kind === kind);
}

export const WORKLOAD_NAMES: ReadonlySet<string> = new Set([
  "dhcp-daemon",
  "whereabouts-reconciler",
  "whereabouts-controller",
]);
