import { disruptionBudget } from "../../src/operator/workload/controller.ts";
import {
  apart,
  componentLabels,
  container,
  type Manifest,
  PAGES,
  POD_IP,
  POD_NAME,
  POD_NAMESPACE,
  podBasics,
  SERVE_PAGES,
  UNPRIVILEGED,
} from "../../src/operator/workload/pod.ts";
import { type Context, workloadSettings } from "./context.ts";

const NAME = "berth-operator";

/** Two replicas of the operator, of which an elected one works. */
export function operator(context: Context): readonly Manifest[] {
  const { namespace, values } = context;
  const settings = workloadSettings(context);
  const labels = componentLabels("operator");
  const selector = { "app.kubernetes.io/name": "berth", "app.kubernetes.io/component": "operator" };
  const deployment: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: NAME, namespace, labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, NAME),
          priorityClassName: "system-cluster-critical",
          affinity: apart(selector),
          containers: [
            {
              ...container(settings, "operator", ["operator", "--image", settings.image, ...SERVE_PAGES]),
              ...PAGES,
              env: [POD_NAME, POD_IP, POD_NAMESPACE],
              resources: values.operator.resources,
              securityContext: UNPRIVILEGED,
            },
          ],
        },
      },
    },
  };
  return [deployment, disruptionBudget(namespace, NAME, selector, labels)];
}
