/** How the workloads are to run on a cluster; what `berth operator` and `berth render` take as options. */
export type WorkloadSettings = {
  /** Of the workloads, and of the pools that they look after. */
  readonly namespace: string;
  readonly image: string;
  /** Always, IfNotPresent or Never. */
  readonly imagePullPolicy: string;
  /** Names of Secrets; most clusters need none. */
  readonly imagePullSecrets: readonly { readonly name: string }[];
};

/** The namespace is that of the Cluster Network Operator, so that its documentation holds word for word. */
export const DEFAULT_WORKLOAD_SETTINGS: WorkloadSettings = {
  namespace: "openshift-multus",
  image: "ghcr.io/berth-ipam/berth:0.1.0",
  imagePullPolicy: "IfNotPresent",
  imagePullSecrets: [],
};
