import { readFileSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { isObject } from "../../cni/json.ts";
import { flatFileCandidates } from "../../config/index.ts";
import type { KubeClient } from "../../kube/api.ts";
import { connect } from "../../kube/connect.ts";
import { inCluster } from "../../kube/in-cluster.ts";
import { loadKubeconfig } from "../../kube/kubeconfig.ts";
import type { Log } from "../../log.ts";

/**
 * The API server that this node belongs to, as far as one is configured: by the service account of this pod, or by the kubeconfig of
 * whereabouts' flat file, below `prefix`.
 */
export function clusterOfNode(
  { isPod, prefix }: { readonly isPod: boolean; readonly prefix: string },
  clock: Clock,
  log: Log,
): KubeClient | undefined {
  const kubeconfig = isPod ? undefined : kubeconfigOfNode(prefix);
  if (!isPod && kubeconfig === undefined) return undefined;
  const found =
    kubeconfig === undefined ? inCluster(process.env, clock) : loadKubeconfig(kubeconfig, { clock });
  if (found.ok) return connect(found.value, clock);
  const { path, message } = found.error;
  log("error", "pods cannot be told of their leases", { path, why: message });
  return undefined;
}

function kubeconfigOfNode(prefix: string): string | undefined {
  for (const path of flatFileCandidates(undefined)) {
    const named = kubeconfigIn(`${prefix}${path}`);
    if (named !== undefined) return `${prefix}${named}`;
  }
  return undefined;
}

function kubeconfigIn(path: string): string | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"));
    const cluster = isObject(content) && isObject(content.kubernetes) ? content.kubernetes : {};
    const { kubeconfig } = cluster;
    return typeof kubeconfig === "string" && kubeconfig !== "" ? kubeconfig : undefined;
  } catch {
    return undefined; // not there, or not whereabouts': whoever needs the rest of it reports that
  }
}
