import { ok, type Result } from "../../result.ts";
import type { StoreError } from "../store.ts";
import { type ClusterChoice, openCluster } from "./cluster.ts";
import { type KubernetesOptions, KubernetesStore } from "./kubernetes.ts";

/** A store on the objects of a cluster. An empty kubeconfig stands for the service account of this pod. */
export function openKubernetes(
  choice: ClusterChoice,
  options: KubernetesOptions,
): Result<KubernetesStore, StoreError> {
  const client = openCluster(choice, options.clock);
  return client.ok ? ok(new KubernetesStore(client.value, options)) : client;
}
