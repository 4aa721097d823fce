import type { Clock } from "../../clock.ts";
import type { StoreChoice } from "../../config/index.ts";
import type { KubeClient } from "../../kube/api.ts";
import { connect } from "../../kube/connect.ts";
import { inCluster } from "../../kube/in-cluster.ts";
import { loadKubeconfig } from "../../kube/kubeconfig.ts";
import { err, ok, type Result } from "../../result.ts";
import type { StoreError } from "../store.ts";
import { kubeconfigError } from "./failure.ts";
import { type KubernetesOptions, KubernetesStore } from "./kubernetes.ts";

type ClusterChoice = StoreChoice & { kind: "kubernetes" };

/** A store on the objects of a cluster. An empty kubeconfig stands for the service account of this pod. */
export function openKubernetes(
  choice: ClusterChoice,
  options: KubernetesOptions,
): Result<KubernetesStore, StoreError> {
  const client = openCluster(choice, options.clock);
  return client.ok ? ok(new KubernetesStore(client.value, options)) : client;
}

/** The API server behind a store, for what is not in the store: attachments, pods, nodes. */
export function openCluster(
  { kubeconfig, context }: ClusterChoice,
  clock: Clock,
): Result<KubeClient, StoreError> {
  const connection =
    kubeconfig === ""
      ? inCluster(process.env, clock)
      : loadKubeconfig(kubeconfig, { clock, ...(context !== undefined && { context }) });
  return connection.ok ? ok(connect(connection.value, clock)) : err(kubeconfigError(connection.error));
}
