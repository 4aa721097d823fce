import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../result.ts";
import type { KubeconfigError } from "./endpoint.ts";
import { type Environment, inCluster } from "./in-cluster.ts";
import { type Connection, type KubeconfigOptions, loadKubeconfig } from "./kubeconfig.ts";

/**
 * The cluster that a person or a part of Berth means: a kubeconfig that was named, else $KUBECONFIG (several, separated by ":"), else
 * ~/.kube/config, else the cluster that this pod runs in.
 */
export function findCluster(
  named: string | undefined,
  env: Environment,
  options: KubeconfigOptions,
): Result<Connection, KubeconfigError> {
  if (named !== undefined && named !== "") return loadKubeconfig(named, options);
  const listed = (env.KUBECONFIG ?? "").split(":").filter((path) => path !== "");
  if (listed.length > 0) return loadKubeconfig(listed, options);
  const home = join(env.HOME ?? "/root", ".kube", "config");
  // A pod of a cluster rarely has a home with a kubeconfig; a machine without either is told about the file.
  if (existsSync(home) || (env.KUBERNETES_SERVICE_HOST ?? "") === "") return loadKubeconfig(home, options);
  return inCluster(env, options.clock);
}
