import type { Clock } from "../../clock.ts";
import type { StoreChoice } from "../../config/index.ts";
import type { KubeClient } from "../../kube/api.ts";
import { connect } from "../../kube/connect.ts";
import { inCluster } from "../../kube/in-cluster.ts";
import { type Connection, loadKubeconfig } from "../../kube/kubeconfig.ts";
import { err, ok, type Result } from "../../result.ts";
import type { Store, StoreError } from "../store.ts";
import { kubeconfigError } from "./failure.ts";
import { type KubernetesOptions, KubernetesStore } from "./kubernetes.ts";
import { SliceJournalFiles } from "./slices/journal-file.ts";
import { CNI_CACHES, readSandboxes } from "./slices/sandbox-files.ts";
import { SlicedStore } from "./slices/sliced-store.ts";

type ClusterChoice = StoreChoice & { kind: "kubernetes" };

/** How a node keeps its slices; left out by those who only look. */
export type NodeSlices = {
  readonly stateDir: string;
  readonly writeDelay: number;
  /** Folders of libcni's cache. */
  readonly caches?: readonly string[];
};

/** A store on the objects of a cluster. An empty kubeconfig stands for the service account of this pod. */
export function openKubernetes(
  choice: ClusterChoice,
  options: KubernetesOptions,
  slices?: NodeSlices,
): Result<Store, StoreError> {
  const client = openCluster(choice, options.clock);
  if (!client.ok) return client;
  const store = new KubernetesStore(client.value, options);
  if (!slices) return ok(store);
  const { stateDir, writeDelay, caches = CNI_CACHES } = slices;
  const journals = new SliceJournalFiles(stateDir, choice);
  const sandboxes = () => readSandboxes(caches);
  const sliced = new SlicedStore(store, options, { journals, writeDelay, sandboxes });
  if (options.staying) sliced.resume();
  return ok(sliced);
}

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
