/** What an installation can choose; the defaults are those of the chart and, by profile, of the plain manifests. */
export const DEFAULTS = {
  image: {
    repository: "ghcr.io/berth-ipam/berth",
    tag: "0.1.0",
    pullPolicy: "IfNotPresent",
    pullSecrets: [],
  },
  cni: {
    binDir: "/opt/cni/bin",
    confDir: "/etc/cni/net.d",
  },
  agent: {
    enabled: true,
    logLevel: "verbose",
    metricsHost: "127.0.0.1",
    priorityClassName: "system-node-critical",
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ operator: "Exists" }],
    resources: { requests: { cpu: "20m", memory: "80Mi" }, limits: { memory: "512Mi" } },
  },
  operator: {
    enabled: true,
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "256Mi" } },
  },
  reconciler: { enabled: false },
  controller: { enabled: false },
  dhcpDaemon: { enabled: false },
  ui: {
    enabled: false,
    listen: "127.0.0.1",
    host: "localhost:8080",
    writes: "no-allow-writes",
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "512Mi" } },
  },
  webhook: {
    enabled: true,
    failurePolicy: "Ignore",
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "256Mi" } },
  },
  networkPolicy: { enabled: true },
  admissionPolicies: { enabled: true },
  nodeRestriction: { enabled: false },
  openshift: { enabled: false },
};

export type Values = typeof DEFAULTS;

/** Of every key that can be set; a test holds the two together. */
export const DESCRIPTIONS: { readonly [path: string]: string } = {
  "image.repository": "The image that all parts run.",
  "image.tag": "Its tag.",
  "image.pullPolicy": "Always, IfNotPresent or Never.",
  "image.pullSecrets": "Names of Secrets, as [{name: x}].",
  "cni.binDir": "Where the container runtime looks for CNI plugins, on the host.",
  "cni.confDir":
    "Where it keeps their configuration; the flat file of whereabouts is read from here, and nothing is written.",
  "agent.enabled": "The agent of each node, with the plugins static, dhcp and whereabouts.",
  "agent.logLevel": "debug, verbose, error or panic.",
  "agent.metricsHost":
    "Where /metrics, /healthz and /readyz are served on port 9478 of each node; 0.0.0.0 or [::] for others than the node itself.",
  "agent.priorityClassName": "So that a full node keeps giving addresses.",
  "agent.nodeSelector": "Which nodes get an agent.",
  "agent.tolerations": "Taints that it runs in spite of; default all.",
  "agent.resources": "Requests as measured, with room; a limit only against leaks.",
  "operator.enabled":
    "Makes attachments, DHCP daemon, reconciler and controller from the Network object named cluster. Not where the Cluster Network Operator does.",
  "operator.resources": "Of each of its two replicas.",
  "reconciler.enabled": "The reconciler without the operator.",
  "controller.enabled": "The controller of node slices without the operator.",
  "dhcpDaemon.enabled": "The DHCP daemon without the operator.",
  "ui.enabled": "The page that shows pools and addresses to people who sign in with a token of the cluster.",
  "ui.listen":
    "Where it listens: the pod's loopback, for kubectl port-forward; 0.0.0.0 or [::] for a proxy in the cluster, with TLS.",
  "ui.host": "The name and port under which that proxy is reached; requests under other names are refused.",
  "ui.writes":
    "no-allow-writes, or allow-writes: who may patch IPPools reserves and releases addresses there.",
  "ui.resources": "Of its one replica.",
  "webhook.enabled": "Networks are checked when they are written, as berth lint does.",
  "webhook.failurePolicy":
    "Ignore: networks can be written while the webhook is away. Fail: they cannot, nor can the operator write them.",
  "webhook.resources": "Of each of its two replicas.",
  "networkPolicy.enabled": "Nothing may open connections to the parts that need none.",
  "admissionPolicies.enabled":
    "The API server refuses by itself what is surely wrong of networks and pools (ValidatingAdmissionPolicy; Kubernetes 1.30 or later).",
  "nodeRestriction.enabled":
    "A node's agent may change only allocations of its own node (ValidatingAdmissionPolicy; Kubernetes 1.32 or later).",
  "openshift.enabled": "Security context constraints, and the SELinux type that may use folders of the host.",
};

/** Values that stand for a distribution, laid over the defaults. */
export const PROFILES: { readonly [name: string]: { readonly namespace: string; readonly values: Overlay } } =
  {
    kubeadm: { namespace: "kube-system", values: {} },
    openshift: {
      namespace: "openshift-multus",
      values: {
        cni: { binDir: "/var/lib/cni/bin", confDir: "/etc/kubernetes/cni/net.d" },
        // There the Cluster Network Operator owns the Network object and makes the attachments.
        operator: { enabled: false },
        reconciler: { enabled: true },
        controller: { enabled: true },
        dhcpDaemon: { enabled: true },
        openshift: { enabled: true },
      },
    },
    k3s: {
      namespace: "kube-system",
      values: {
        cni: { binDir: "/var/lib/rancher/k3s/data/cni", confDir: "/var/lib/rancher/k3s/agent/etc/cni/net.d" },
      },
    },
    microk8s: {
      namespace: "kube-system",
      values: {
        cni: {
          binDir: "/var/snap/microk8s/current/opt/cni/bin",
          confDir: "/var/snap/microk8s/current/args/cni-network",
        },
      },
    },
  };

export type Overlay = { readonly [Section in keyof Values]?: Partial<Values[Section]> };

export function valuesOf(overlay: Overlay): Values {
  const sections = Object.entries(DEFAULTS).map(([section, keys]) => {
    return [section, { ...keys, ...overlay[section as keyof Values] }];
  });
  return Object.fromEntries(sections);
}
