import type { KubeObject, ObjectMeta, Resource } from "./api.ts";

const WHEREABOUTS = { group: "whereabouts.cni.cncf.io", version: "v1alpha1", namespaced: true } as const;

/**
 * One address of a pool. `id`, `podref` and `ifname` are whereabouts' own; the others are Berth's, absent on records
 * that Go whereabouts wrote and where the installed CRD prunes them.
 */
export type IPAllocation = {
  /** Container (sandbox) id. */
  readonly id: string;
  /** `namespace/name` of the pod. */
  readonly podref: string;
  readonly ifname?: string;
  readonly uid?: string;
  readonly node?: string;
  /** RFC 3339. */
  readonly since?: string;
  /** `name` of the CNI network: GC speaks of one network at a time. */
  readonly network?: string;
  /** Which of the addresses of the interface it is, counted from 0. */
  readonly slot?: number;
};

export type IPPool = KubeObject & {
  readonly spec: {
    readonly range: string;
    /** Key: the address minus the network address of `range`, in decimal. */
    readonly allocations: { readonly [offset: string]: IPAllocation };
  };
};

/** Its name is the address: `reservationName` in names.ts. */
export type OverlappingRangeIPReservation = KubeObject & {
  readonly spec: {
    readonly podref: string;
    readonly ifname?: string;
    /** Upstream has the field and leaves it empty. */
    readonly containerid?: string;
    readonly uid?: string;
    readonly node?: string;
    readonly since?: string;
  };
};

export type NodeSlice = {
  /** "": free. */
  readonly nodeName: string;
  readonly sliceRange: string;
};

export type NodeSlicePool = KubeObject & {
  readonly spec: { readonly range: string; readonly sliceSize: string };
  readonly status?: {
    readonly allocations?: readonly NodeSlice[];
    /** Berth's; upstream's CRD prunes them. */
    readonly conditions?: readonly Condition[];
  };
};

export type NetworkAttachmentDefinition = KubeObject & {
  /** A CNI configuration as JSON text. */
  readonly spec?: { readonly config?: string };
};

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";

export type Pod = KubeObject & {
  readonly spec?: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status?: {
    readonly phase?: PodPhase;
    readonly reason?: string;
    readonly conditions?: readonly Condition[];
    readonly podIPs?: readonly { readonly ip: string }[];
  };
};

export type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
};

export type Node = KubeObject & {
  readonly spec?: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect?: string }[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
};

export type ConfigMap = KubeObject & { readonly data?: { readonly [key: string]: string } };

export type Lease = KubeObject & {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
};

/** core/v1. */
export type Event = KubeObject & {
  readonly involvedObject: ObjectReference;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
  readonly source?: { readonly component?: string; readonly host?: string };
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
};

export type ObjectReference = {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
};

export type CustomResourceDefinition = KubeObject & {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema?: { readonly openAPIV3Schema?: JsonSchema };
      readonly subresources?: { readonly status?: object };
    }[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
};

/** What is read of the schema of a CRD: which fields it keeps. */
export type JsonSchema = {
  readonly type?: string;
  readonly properties?: { readonly [key: string]: JsonSchema };
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
};

/** `operator.openshift.io/v1`, the object `cluster`: only what the operator reads. Entries are checked where they are read. */
export type Network = KubeObject & {
  readonly spec?: {
    readonly disableMultiNetwork?: boolean;
    readonly additionalNetworks?: readonly unknown[];
  };
};

/** Applied whole from a template and read for its health only. */
export type DaemonSet = KubeObject & {
  readonly spec?: object;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
    readonly numberUnavailable?: number;
  };
};

export type Deployment = KubeObject & {
  readonly spec?: object;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly unavailableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
};

export const IP_POOLS: Resource<IPPool> = { ...WHEREABOUTS, plural: "ippools", kind: "IPPool" };
export const RESERVATIONS: Resource<OverlappingRangeIPReservation> = {
  ...WHEREABOUTS,
  plural: "overlappingrangeipreservations",
  kind: "OverlappingRangeIPReservation",
};
export const NODE_SLICE_POOLS: Resource<NodeSlicePool> = {
  ...WHEREABOUTS,
  plural: "nodeslicepools",
  kind: "NodeSlicePool",
};
export const ATTACHMENTS: Resource<NetworkAttachmentDefinition> = {
  group: "k8s.cni.cncf.io",
  version: "v1",
  plural: "network-attachment-definitions",
  kind: "NetworkAttachmentDefinition",
  namespaced: true,
};
export const PODS: Resource<Pod> = core("pods", "Pod", true);
export const NODES: Resource<Node> = core("nodes", "Node", false);
export const NAMESPACES: Resource<KubeObject> = core("namespaces", "Namespace", false);
export const CONFIG_MAPS: Resource<ConfigMap> = core("configmaps", "ConfigMap", true);
export const EVENTS: Resource<Event> = core("events", "Event", true);
export const LEASES: Resource<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};
export const CRDS: Resource<CustomResourceDefinition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
export const NETWORKS: Resource<Network> = {
  group: "operator.openshift.io",
  version: "v1",
  plural: "networks",
  kind: "Network",
  namespaced: false,
};
export const DAEMON_SETS: Resource<DaemonSet> = apps("daemonsets", "DaemonSet");
export const DEPLOYMENTS: Resource<Deployment> = apps("deployments", "Deployment");

/** `group/version` as objects carry it; the core group has no name. */
export function apiVersionOf({
  group,
  version,
}: {
  readonly group: string;
  readonly version: string;
}): string {
  return group === "" ? version : `${group}/${version}`;
}

function core<T extends KubeObject>(plural: string, kind: string, namespaced: boolean): Resource<T> {
  return { group: "", version: "v1", plural, kind, namespaced };
}

function apps<T extends KubeObject>(plural: string, kind: string): Resource<T> {
  return { group: "apps", version: "v1", plural, kind, namespaced: true };
}

/** What tells an object and its version from others, for those who keep many in memory. */
export function identityOf({ name, namespace, uid, resourceVersion }: ObjectMeta): ObjectMeta {
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}
