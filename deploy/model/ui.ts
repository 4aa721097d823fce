import {
  componentLabels,
  container,
  type Manifest,
  podBasics,
  UNPRIVILEGED,
} from "../../src/operator/workload/pod.ts";
import { type Context, workloadSettings } from "./context.ts";

const NAME = "berth-ui";

/**
 * The page, which only looks. It listens on the pod's own loopback: whoever may forward a port to the pod and read its log,
 * where the address with the key of this run stands, may see it.
 */
export function ui(context: Context): readonly Manifest[] {
  const { namespace, values } = context;
  const settings = workloadSettings(context);
  const labels = componentLabels("ui");
  const deployment: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: NAME, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: { "app.kubernetes.io/name": "berth", "app.kubernetes.io/component": "ui" } },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, NAME),
          containers: [
            {
              ...container(settings, "ui", ["ui", "--listen", "127.0.0.1:8080"]),
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
  return [deployment];
}
