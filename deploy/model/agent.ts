import {
  componentLabels,
  container,
  hostFolders,
  type Manifest,
  NODE_NAME,
  POOL_NAMESPACE,
  podBasics,
} from "../../src/operator/workload/pod.ts";
import { type Context, workloadSettings } from "./context.ts";

const NAME = "berth-agent";
const PAGES_PORT = 9478;

/**
 * The agent of each node. Its init container puts the plugins into the runtime's folder; no credentials reach the
 * host: the agent uses its own service account, whatever kubeconfig a network names.
 */
export function agent(context: Context): readonly Manifest[] {
  const { namespace, values } = context;
  const settings = workloadSettings(context);
  const selector = { "app.kubernetes.io/name": "berth", "app.kubernetes.io/component": "agent" };
  const labels = componentLabels("agent");
  const { binDir, confDir } = values.cni;
  const folders = hostFolders([
    { name: "socket", path: "/run/berth" },
    { name: "state", path: "/var/lib/berth" },
    // libcni's cache: which addresses running sandboxes have, for an agent that has lost its own records.
    { name: "cni-cache", path: "/var/lib/cni", readOnly: true },
    // The plugin dhcp asks the DHCP daemon here.
    { name: "dhcp-socket", path: "/run/cni" },
    // Twice: under its own path, as networks name files in it, and where upstream's search order looks last.
    { name: "conf", path: confDir, readOnly: true },
    { name: "host-conf", path: confDir, at: "/host/etc/cni/net.d", readOnly: true },
    { name: "netns", path: "/run/netns", readOnly: true, follows: true },
    { name: "var-run-netns", path: "/var/run/netns", readOnly: true, follows: true },
  ]);
  const bin = hostFolders([{ name: "bin", path: binDir, at: "/host/bin" }]);
  const daemonSet: Manifest = {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: NAME, namespace, labels },
    spec: {
      selector: { matchLabels: selector },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, NAME),
          nodeSelector: values.agent.nodeSelector,
          tolerations: values.agent.tolerations,
          priorityClassName: values.agent.priorityClassName,
          // It must serve before the network of pods does, and its pages are the node's own.
          hostNetwork: true,
          dnsPolicy: "ClusterFirstWithHostNet",
          terminationGracePeriodSeconds: 20,
          initContainers: [
            {
              ...container(settings, "install", [
                "install",
                "--root",
                "/host",
                "--bin-dir",
                "/bin",
                "--plugins-only",
              ]),
              resources: { requests: { cpu: "10m", memory: "32Mi" } },
              securityContext: confined(["DAC_OVERRIDE", "FOWNER"]),
              volumeMounts: bin.volumeMounts,
            },
          ],
          containers: [
            {
              ...container(settings, "agent", [
                "agent",
                "--in-cluster",
                "--log-level",
                values.agent.logLevel,
                "--metrics-address",
                `${values.agent.metricsHost}:${PAGES_PORT}`,
              ]),
              env: [NODE_NAME, POOL_NAMESPACE],
              resources: values.agent.resources,
              securityContext: confined(["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "DAC_OVERRIDE"]),
              ...probes(),
              volumeMounts: folders.volumeMounts,
            },
          ],
          volumes: [...folders.volumes, ...bin.volumes],
        },
      },
    },
  };
  return [daemonSet];
}

/** Root as every CNI plugin is, with the capabilities that it uses. */
function confined(add: readonly string[]): object {
  return {
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add },
    seccompProfile: { type: "RuntimeDefault" },
    // May use folders of the host where SELinux is on; ignored elsewhere.
    seLinuxOptions: { type: "spc_t" },
  };
}

function probes(): object {
  const page = (path: string) => ({ httpGet: { host: "127.0.0.1", port: PAGES_PORT, path } });
  return {
    readinessProbe: { ...page("/readyz"), periodSeconds: 10 },
    livenessProbe: { ...page("/healthz"), initialDelaySeconds: 10, periodSeconds: 20, failureThreshold: 5 },
  };
}
