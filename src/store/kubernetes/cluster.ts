import type { Clock } from "../../clock.ts";
import type { StoreChoice } from "../../config/index.ts";
import type { KubeClient } from "../../kube/api.ts";
import { connect } from "../../kube/connect.ts";
import { inCluster } from "../../kube/in-cluster.ts";
import { type Connection, loadKubeconfig } from "../../kube/kubeconfig.ts";
import { err, ok, type Result } from "../../result.ts";
import type { StoreError } from "../store.ts";
import { kubeconfigError } from "./failure.ts";

export type ClusterChoice = StoreChoice & { kind: "kubernetes" };

/** The API server behind a store, for what is not in the store: attachments, pods, nodes. */
export function openCluster(choice: ClusterChoice, clock: Clock): Result<KubeClient, StoreError> {
  const connection = connectionOf(choice, clock);
  return connection.ok ? ok(connect(connection.value, clock)) : connection;
}

/** Where that API server is, and as whom it is asked. */
export function connectionOf(
  { kubeconfig, context }: ClusterChoice,
  clock: Clock,
): Result<Connection, StoreError> {
  const connection =
    kubeconfig === ""
      ? inCluster(process.env, clock)
      : loadKubeconfig(kubeconfig, { clock, ...(context !== undefined && { context }) });
  return connection.ok ? connection : err(kubeconfigError(connection.error));
}
