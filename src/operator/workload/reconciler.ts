import {
  componentLabels,
  container,
  EVERYWHERE,
  type Manifest,
  NODE_NAME,
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

const NAME = "whereabouts-reconciler";

/** The ConfigMap with the schedule; people create it, or do not. */
export const SCHEDULE = { configMap: "whereabouts-config", key: "reconciler_cron_expression" } as const;

/** The reconciler: one pod a node, of which an elected one works, so that any node may go. */
export function reconciler(settings: WorkloadSettings): Manifest {
  const labels = { app: NAME, name: NAME, ...componentLabels("reconciler") };
  const schedule = {
    name: SCHEDULE.configMap,
    optional: true,
    items: [{ key: SCHEDULE.key, path: "config" }],
  };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: NAME, namespace: settings.namespace, labels },
    spec: {
      selector: { matchLabels: { name: NAME } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, "berth-reconciler"),
          priorityClassName: "system-node-critical",
          tolerations: EVERYWHERE,
          containers: [
            {
              ...container(settings, "whereabouts", ["reconciler", ...SERVE_PAGES]),
              ...PAGES,
              env: [NODE_NAME, POD_NAME, POD_IP, POD_NAMESPACE, POOL_NAMESPACE],
              // 50,000 pods with as many addresses peak below 400 MiB (bench/reconcile.ts).
              resources: resources("10m", "64Mi", "512Mi"),
              securityContext: UNPRIVILEGED,
              volumeMounts: [{ name: "schedule", mountPath: "/cron-schedule", readOnly: true }],
            },
          ],
          volumes: [{ name: "schedule", configMap: schedule }],
        },
      },
    },
  };
}
