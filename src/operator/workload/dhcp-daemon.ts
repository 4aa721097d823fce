import {
  componentLabels,
  container,
  EVERYWHERE,
  hostFolders,
  type Manifest,
  NODE_NAME,
  podBasics,
  resources,
} from "./pod.ts";
import type { WorkloadSettings } from "./settings.ts";

const NAME = "dhcp-daemon";
const HOST = "/host";
/** Not the agent's: each has a journal of its own. */
const STATE = "/var/lib/berth-dhcp";

/** The DHCP daemon of every node: it keeps the leases of pods for as long as they live. */
export function dhcpDaemon(settings: WorkloadSettings): Manifest {
  const labels = { app: NAME, component: "network", type: "infra", ...componentLabels(NAME) };
  const folders = hostFolders([
    { name: "socket", path: "/run/cni", at: `${HOST}/run/cni` },
    { name: "state", path: STATE, at: `${HOST}${STATE}` },
    { name: "proc", path: "/proc", at: `${HOST}/proc`, readOnly: true, create: false },
    { name: "netns", path: "/run/netns", at: `${HOST}/run/netns`, readOnly: true, follows: true },
    {
      name: "var-run-netns",
      path: "/var/run/netns",
      at: `${HOST}/var/run/netns`,
      readOnly: true,
      follows: true,
    },
  ]);
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: NAME, namespace: settings.namespace, labels },
    spec: {
      selector: { matchLabels: { app: NAME } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "33%" } },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, "berth-dhcp-daemon"),
          priorityClassName: "system-node-critical",
          hostNetwork: true,
          tolerations: EVERYWHERE,
          containers: [
            {
              ...container(settings, NAME, [
                "dhcp-daemon",
                "-hostprefix",
                HOST,
                "-state-dir",
                STATE,
                "-in-cluster",
              ]),
              env: [NODE_NAME],
              resources: resources("10m", "64Mi", "256Mi"),
              // Sockets in network namespaces of pods, which it enters by path.
              securityContext: {
                privileged: true,
                readOnlyRootFilesystem: true,
                runAsUser: 0,
              },
              volumeMounts: folders.volumeMounts,
            },
          ],
          volumes: folders.volumes,
        },
      },
    },
  };
}
