import { systemClock } from "../clock.ts";
import type { KubeClient } from "../kube/api.ts";
import { connect } from "../kube/connect.ts";
import { findCluster } from "../kube/find-cluster.ts";
import { err, ok, type Result } from "../result.ts";

/** A client of the cluster that is meant; pools lie in `namespace`, where given, else in that of the kubeconfig. */
export function openCluster(
  userAgent: string,
  options: {
    readonly kubeconfig?: string | undefined;
    readonly context?: string | undefined;
    readonly namespace?: string | undefined;
  },
): Result<KubeClient, string> {
  const { kubeconfig, context, namespace } = options;
  const found = findCluster(kubeconfig, process.env, {
    clock: systemClock,
    ...(context !== undefined && { context }),
  });
  if (found.ok) {
    const own = namespace !== undefined && namespace !== "" ? { namespace } : {};
    return ok(connect(found.value, systemClock, { userAgent, ...own }));
  }
  const { path, message, hint } = found.error;
  return err(`${path}: ${message} (${hint})`);
}
