import type { Manifest } from "../../src/operator/workload/pod.ts";

type Schema = { readonly [key: string]: unknown };
type Column = {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly description?: string;
};

type Kind = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
  readonly description: string;
  readonly spec: Schema;
  readonly status?: Schema;
  readonly needsSpec?: boolean;
  readonly statusSubresource?: boolean;
  readonly columns?: readonly Column[];
};

const AGE: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

function text(description: string, more: Schema = {}): Schema {
  return { description, type: "string", ...more };
}

function object(
  properties: { readonly [key: string]: Schema },
  required: readonly string[] = [],
  more: Schema = {},
): Schema {
  return { type: "object", properties, ...(required.length > 0 && { required }), ...more };
}

function list(items: Schema, more: Schema = {}): Schema {
  return { type: "array", items, ...more };
}

const CONDITIONS = list(
  object(
    {
      type: text("What is told."),
      status: text("True, False or Unknown."),
      reason: text("In one word."),
      message: text("For people."),
      lastTransitionTime: text("When the status changed.", { format: "date-time" }),
    },
    ["type"],
  ),
  { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
);

/** What Berth records besides whereabouts' fields. All optional: Go whereabouts neither reads nor writes them. */
const BERTHS_OWN = {
  uid: text("The pod's uid: tells it from a later pod of the same name."),
  node: text("The node of the pod."),
  since: text("When the address was given, RFC 3339."),
  network: text("The name of the network in the CNI configuration."),
  slot: {
    description: "Which address of the interface it is, counted from 0 in the order of the configuration.",
    type: "integer",
    minimum: 0,
  },
};

const POD_REFERENCE = text("The pod, as namespace/name.");
const CLAIM_REFERENCE = text("The IPAMClaim that owns the address, as namespace/name; empty for a pod's.");

const ALLOCATIONS =
  "By offset, which is the address minus the network address of the range, in decimal: id (the sandbox of the pod), podref " +
  "(namespace/name), ifname, and where they are known ipamclaimref, uid and node of the pod, since (RFC 3339), network (the name in " +
  "the CNI configuration) and slot (which address of the interface it is, from 0).";

/** Upstream's objects have no status subresource: Go whereabouts writes the whole object. */
const IP_POOL: Kind = {
  group: "whereabouts.cni.cncf.io",
  version: "v1alpha1",
  kind: "IPPool",
  plural: "ippools",
  scope: "Namespaced",
  description: "The addresses of a range that are held, and by whom.",
  spec: object(
    {
      range: text("The range in CIDR notation.", { maxLength: 64 }),
      // No schema for what it holds: with each write the server walks through that of every field of every allocation, which made
      // two thirds of its work on a pool of thousands (docs/architecture.md). Whoever reads pools checks what it reads.
      allocations: {
        description: ALLOCATIONS,
        type: "object",
        "x-kubernetes-preserve-unknown-fields": true,
      },
    },
    ["allocations", "range"],
    {
      // The offsets count from it; neither whereabouts nor Berth ever changes it.
      "x-kubernetes-validations": [
        {
          rule: "self.range == oldSelf.range",
          message: "the range of a pool cannot change: its offsets count from it",
        },
      ],
    },
  ),
  columns: [{ name: "Range", type: "string", jsonPath: ".spec.range" }, AGE],
};

const RESERVATION: Kind = {
  group: "whereabouts.cni.cncf.io",
  version: "v1alpha1",
  kind: "OverlappingRangeIPReservation",
  plural: "overlappingrangeipreservations",
  scope: "Namespaced",
  description: "An address that is held in all ranges that have it; the object's name is the address.",
  needsSpec: true,
  spec: object(
    {
      podref: POD_REFERENCE,
      ifname: text("The interface in the pod."),
      containerid: text("Unused by whereabouts."),
      ipamclaimref: CLAIM_REFERENCE,
      ...BERTHS_OWN,
    },
    ["podref"],
  ),
  columns: [
    { name: "Pod", type: "string", jsonPath: ".spec.podref" },
    { name: "Interface", type: "string", jsonPath: ".spec.ifname" },
    AGE,
  ],
};

const NODE_SLICE_POOL: Kind = {
  group: "whereabouts.cni.cncf.io",
  version: "v1alpha1",
  kind: "NodeSlicePool",
  plural: "nodeslicepools",
  scope: "Namespaced",
  description: "Which slice of a range belongs to which node.",
  spec: object(
    {
      range: text("The whole range in CIDR notation."),
      sliceSize: text("The prefix length of a slice."),
    },
    ["range", "sliceSize"],
  ),
  status: object(
    {
      allocations: list(
        object(
          {
            nodeName: text("The node; empty for a free slice."),
            sliceRange: text("The slice in CIDR notation."),
          },
          ["nodeName", "sliceRange"],
        ),
      ),
      conditions: CONDITIONS,
    },
    ["allocations"],
  ),
  columns: [
    { name: "Range", type: "string", jsonPath: ".spec.range" },
    { name: "Slice", type: "string", jsonPath: ".spec.sliceSize" },
    AGE,
  ],
};

const ATTACHMENT: Kind = {
  group: "k8s.cni.cncf.io",
  version: "v1",
  kind: "NetworkAttachmentDefinition",
  plural: "network-attachment-definitions",
  shortNames: ["net-attach-def"],
  scope: "Namespaced",
  description: "A secondary network that pods can ask for (Multus de-facto standard).",
  spec: object({ config: text("A CNI configuration as JSON.") }),
  status: object({ state: text("Of the network."), observation: text("Free text.") }),
};

const STATIC_IPAM = object({
  addresses: list(
    object({ address: text("An address with its prefix length."), gateway: text("Its gateway.") }),
  ),
  routes: list(
    object({ destination: text("The network in CIDR notation."), gateway: text("The next hop.") }),
  ),
  dns: object({
    nameservers: list(text("An address.")),
    domain: text("The local domain."),
    search: list(text("A domain.")),
  }),
});

/** What the operator reads, with the field names of `operator.openshift.io`; the rest of that object is not kept. */
const NETWORK: Kind = {
  group: "operator.openshift.io",
  version: "v1",
  kind: "Network",
  plural: "networks",
  scope: "Cluster",
  description: "The secondary networks of a cluster; the operator reads the object named cluster.",
  spec: object({
    disableMultiNetwork: { description: "No secondary networks at all.", type: "boolean" },
    additionalNetworks: list(
      object(
        {
          name: text("The name of the attachment."),
          namespace: text("Where it goes; default: default."),
          type: text("Raw or SimpleMacvlan."),
          rawCNIConfig: text("For Raw: the CNI configuration as JSON."),
          simpleMacvlanConfig: object({
            master: text("The interface of the host; default: that of the default route."),
            mode: text("Bridge, Private, VEPA or Passthru."),
            mtu: { description: "Default: the kernel's.", type: "integer", format: "int32", minimum: 0 },
            ipamConfig: object({
              type: text("DHCP or Static."),
              staticIPAMConfig: { description: "For Static.", ...STATIC_IPAM },
            }),
          }),
        },
        ["name"],
      ),
      // The list is atomic: with a list-map the API server would refuse all because of one name that stands twice.
      { "x-kubernetes-list-type": "atomic" },
    ),
  }),
  status: object({
    conditions: CONDITIONS,
  }),
  statusSubresource: true,
  columns: [
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="BerthNetworksReady")].status',
    },
    AGE,
  ],
};

function manifest(kind: Kind): Manifest {
  const { group, version, plural, scope, columns, statusSubresource } = kind;
  const names = {
    plural,
    singular: kind.plural.replace(/s$/, ""),
    kind: kind.kind,
    listKind: `${kind.kind}List`,
    ...(kind.shortNames && { shortNames: kind.shortNames }),
  };
  const schema = object(
    {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: kind.spec,
      ...(kind.status && { status: kind.status }),
    },
    kind.needsSpec ? ["spec"] : [],
    { description: kind.description },
  );
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(columns && { additionalPrinterColumns: columns }),
          schema: { openAPIV3Schema: schema },
          ...(statusSubresource && { subresources: { status: {} } }),
        },
      ],
    },
  };
}

/** Every CRD that Berth needs, each with the file name it is shipped under. */
export function crds(): readonly Manifest[] {
  return [IP_POOL, RESERVATION, NODE_SLICE_POOL, ATTACHMENT, NETWORK].map(manifest);
}
