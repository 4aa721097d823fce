import {
  componentLabels,
  container,
  type Manifest,
  podBasics,
  UNPRIVILEGED,
} from "../../src/operator/workload/pod.ts";
import { type Context, workloadSettings } from "./context.ts";

const NAME = "berth-ui";

const PORT = 8080;

/**
 * The page. It reads with its own account, shows to each reader who signs in what their token may see, and writes with their
 * token. By default it listens on the pod's own loopback, where a forwarded port ends.
 */
export function ui(context: Context): readonly Manifest[] {
  const { namespace, values } = context;
  const settings = workloadSettings(context);
  const labels = componentLabels("ui");
  const selector = { "app.kubernetes.io/name": "berth", "app.kubernetes.io/component": "ui" };
  const { listen, host, writes } = values.ui;
  const deployment: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: NAME, namespace, labels },
    spec: {
      replicas: 1,
      // Sessions are in the memory of the one copy.
      strategy: { type: "Recreate" },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, NAME),
          containers: [
            {
              ...container(settings, "ui", [
                "ui",
                "--sign-in",
                "--listen",
                `${listen}:${PORT}`,
                "--host",
                `${NAME}.${namespace}.svc:${PORT}`,
                "--host",
                host,
                `--${writes}`,
              ]),
              ports: [{ name: "page", containerPort: PORT }],
              // There is no database of users in the image that could name one.
              env: [{ name: "HOME", value: "/" }],
              resources: values.ui.resources,
              securityContext: UNPRIVILEGED,
            },
          ],
        },
      },
    },
  };
  const service: Manifest = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: NAME, namespace, labels },
    spec: { selector, ports: [{ name: "page", port: PORT, targetPort: "page" }] },
  };
  return [deployment, service];
}
