import { type Clock, systemClock } from "../clock.ts";
import type { StoreChoice } from "../config/index.ts";
import type { KubeClient } from "../kube/api.ts";
import { connect } from "../kube/connect.ts";
import { inCluster } from "../kube/in-cluster.ts";
import { loadKubeconfig } from "../kube/kubeconfig.ts";
import type { Log } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { kubeconfigError } from "./kubernetes/failure.ts";
import { KubernetesStore } from "./kubernetes/kubernetes.ts";
import { SqliteStore } from "./sqlite/sqlite.ts";
import type { Store, StoreError } from "./store.ts";

export type OpenOptions = {
  /** How long a caller may wait, in milliseconds; 0 where others wait behind it and it has to come again. */
  readonly patience: number;
  /** The process keeps the store open. */
  readonly staying?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
};

/** Milliseconds for what no caller bounds: a store in a cluster keeps nobody else waiting. */
const CLUSTER_PATIENCE = 10_000;

/** Opens the store that a configuration names. An empty kubeconfig stands for the service account of this pod. */
export function openStore(choice: StoreChoice, options: OpenOptions): Result<Store, StoreError> {
  const { patience, staying = false, clock = systemClock, log = () => undefined } = options;
  if (choice.kind === "sqlite") return SqliteStore.open(choice.path, { patience, staying });
  const client = openCluster(choice, clock);
  if (!client.ok) return client;
  return ok(
    new KubernetesStore(client.value, { clock, log, staying, patience: patience || CLUSTER_PATIENCE }),
  );
}

/** The API server behind a store, for what is not in the store: attachments, pods, nodes. */
export function openCluster(
  choice: StoreChoice & { kind: "kubernetes" },
  clock: Clock,
): Result<KubeClient, StoreError> {
  const { kubeconfig, context } = choice;
  const connection =
    kubeconfig === ""
      ? inCluster(process.env, clock)
      : loadKubeconfig(kubeconfig, { clock, ...(context !== undefined && { context }) });
  return connection.ok ? ok(connect(connection.value, clock)) : err(kubeconfigError(connection.error));
}
