import {
  apart,
  componentLabels,
  container,
  type Manifest,
  PAGES,
  POD_IP,
  POD_NAME,
  POD_NAMESPACE,
  POOL_NAMESPACE,
  podBasics,
  resources,
  SERVE_PAGES,
  UNPRIVILEGED,
} from "./pod.ts";
import type { WorkloadSettings } from "./settings.ts";

const NAME = "whereabouts-controller";

/** The controller of node slices: two replicas of which an elected one works, and their disruption budget. */
export function controller(settings: WorkloadSettings): readonly Manifest[] {
  const selector = { name: NAME };
  const labels = { app: NAME, ...selector, ...componentLabels("controller") };
  const metadata = { name: NAME, namespace: settings.namespace, labels };
  const deployment: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: 2,
      selector: { matchLabels: selector },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, "berth-controller"),
          priorityClassName: "system-cluster-critical",
          affinity: apart(selector),
          containers: [
            {
              ...container(settings, "whereabouts", ["controller", ...SERVE_PAGES]),
              ...PAGES,
              env: [POD_NAME, POD_IP, POD_NAMESPACE, POOL_NAMESPACE],
              resources: resources("10m", "64Mi", "256Mi"),
              securityContext: UNPRIVILEGED,
            },
          ],
        },
      },
    },
  };
  return [deployment, disruptionBudget(settings.namespace, NAME, selector, labels)];
}

/** A drain may take one of two replicas at a time. */
export function disruptionBudget(
  namespace: string,
  name: string,
  selector: { readonly [key: string]: string },
  labels: { readonly [key: string]: string },
): Manifest {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace, labels },
    spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
  };
}
