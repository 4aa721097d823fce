import { componentLabels, type Manifest } from "../../src/operator/workload/pod.ts";
import { SHARD_NAMES } from "../../src/reconciler/history/shards.ts";
import type { Context } from "./context.ts";
import { CONFIGURATION } from "./webhook.ts";

type Rule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
};

/** The rights of one part: in the namespace of the pools and workloads, and in the whole cluster. */
type Rights = { readonly namespaced: readonly Rule[]; readonly cluster: readonly Rule[] };

const READ = ["get", "list", "watch"];
const CRD_NAMES = ["ippools", "overlappingrangeipreservations", "nodeslicepools"].map(
  (plural) => `${plural}.whereabouts.cni.cncf.io`,
);

function rule(group: string, resource: string, verbs: readonly string[], names?: readonly string[]): Rule {
  return { apiGroups: [group], resources: [resource], verbs, ...(names && { resourceNames: names }) };
}

const whereabouts = (resource: string, verbs: readonly string[]) =>
  rule("whereabouts.cni.cncf.io", resource, verbs);
const attachments = (verbs: readonly string[]) =>
  rule("k8s.cni.cncf.io", "network-attachment-definitions", verbs);
/** Nobody but the part that is elected writes its Lease; creating cannot be limited by name. */
const election = (name: string): readonly Rule[] => [
  rule("coordination.k8s.io", "leases", ["create"]),
  rule("coordination.k8s.io", "leases", ["get", "update", "patch"], [name]),
];
const EVENTS = rule("", "events", ["create", "patch"]);
const INSTALLED_CRDS = rule("apiextensions.k8s.io", "customresourcedefinitions", ["get"], CRD_NAMES);

/** What the reconciler writes of who held an address; creating cannot be limited by name. */
const HISTORY = rule("", "configmaps", ["get"], SHARD_NAMES);
const KEEP_HISTORY = [
  rule("", "configmaps", ["create"]),
  rule("", "configmaps", ["get", "update"], SHARD_NAMES),
];

/** What a store watches. */
const READ_POOLS: readonly Rule[] = [
  whereabouts("ippools", READ),
  whereabouts("overlappingrangeipreservations", READ),
  whereabouts("nodeslicepools", READ),
];

const AGENT: Rights = {
  namespaced: [
    whereabouts("ippools", [...READ, "create", "patch"]),
    whereabouts("overlappingrangeipreservations", [...READ, "create", "patch", "delete"]),
    // It asks for a slice by an object of its own, and can write no other.
    whereabouts("nodeslicepools", [...READ, "create"]),
  ],
  // Whether the pod that holds an address still exists, and its node.
  cluster: [rule("", "pods", ["get"]), rule("", "nodes", ["get"]), EVENTS, INSTALLED_CRDS],
};

const RECONCILER: Rights = {
  namespaced: [
    whereabouts("ippools", [...READ, "patch"]),
    whereabouts("overlappingrangeipreservations", [...READ, "create", "delete"]),
    whereabouts("nodeslicepools", READ),
    ...election("berth-reconciler"),
    ...KEEP_HISTORY,
  ],
  cluster: [rule("", "pods", READ), rule("", "nodes", READ), attachments(READ), EVENTS, INSTALLED_CRDS],
};

const CONTROLLER: Rights = {
  namespaced: [
    whereabouts("nodeslicepools", [...READ, "create", "update", "patch", "delete"]),
    whereabouts("ippools", READ),
    ...election("berth-controller"),
  ],
  cluster: [rule("", "nodes", READ), attachments(READ), EVENTS, INSTALLED_CRDS],
};

const WORKLOADS = ["dhcp-daemon", "whereabouts-reconciler", "whereabouts-controller"];
/** Server-side apply needs `patch`, and `create` for what is not there yet. */
const owned = (group: string, resource: string, names: readonly string[]): readonly Rule[] => [
  rule(group, resource, ["list", "watch", "create"]),
  rule(group, resource, ["get", "patch", "delete"], names),
];

const OPERATOR: Rights = {
  namespaced: [
    ...owned("apps", "daemonsets", WORKLOADS),
    ...owned("apps", "deployments", WORKLOADS),
    ...owned("policy", "poddisruptionbudgets", WORKLOADS),
    ...election("berth-operator"),
  ],
  cluster: [
    rule("operator.openshift.io", "networks", READ),
    rule("operator.openshift.io", "networks/status", ["patch"], ["cluster"]),
    attachments([...READ, "create", "patch", "delete"]),
    rule("", "namespaces", READ),
    EVENTS,
  ],
};

/** It looks, and nothing else: what somebody changes is written with their own rights. */
const UI: Rights = {
  namespaced: [...READ_POOLS, HISTORY],
  cluster: [rule("", "pods", READ), rule("", "events", READ), attachments(READ), INSTALLED_CRDS],
};

/** Its configuration by name; what it knows of pools and networks serves warnings. */
const WEBHOOK: Rights = {
  namespaced: READ_POOLS,
  cluster: [
    rule(
      "admissionregistration.k8s.io",
      "validatingwebhookconfigurations",
      ["get", "update"],
      [CONFIGURATION],
    ),
    attachments(READ),
    INSTALLED_CRDS,
  ],
};

/** What people need for the page with `--sign-in`, and for `kubectl berth`: to look, and to reserve and release as well. */
const VIEWER: readonly Rule[] = [
  ...READ_POOLS,
  attachments(READ),
  rule("", "pods", READ),
  rule("", "nodes", READ),
  rule("", "events", READ),
  HISTORY,
];
const EDITOR: readonly Rule[] = [
  ...VIEWER,
  whereabouts("ippools", ["create", "patch"]),
  whereabouts("overlappingrangeipreservations", ["create", "patch", "delete"]),
];

/** It tells pods what becomes of their leases. */
const DHCP_DAEMON: Rights = { namespaced: [], cluster: [EVENTS] };

/** Service account, roles and bindings of one part. */
function account(context: Context, part: string, rights: Rights): readonly Manifest[] {
  const { namespace } = context;
  const name = `berth-${part}`;
  const labels = componentLabels(part);
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const rbac = "rbac.authorization.k8s.io";
  const bind = (kind: "Role" | "ClusterRole", rules: readonly Rule[], scope: object): readonly Manifest[] => {
    if (rules.length === 0) return [];
    const metadata = { name, ...scope, labels };
    return [
      { apiVersion: `${rbac}/v1`, kind, metadata, rules },
      {
        apiVersion: `${rbac}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: rbac, kind, name },
        subjects,
      },
    ];
  };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace, labels } },
    ...bind("Role", rights.namespaced, { namespace }),
    ...bind("ClusterRole", rights.cluster, {}),
  ];
}

/** Of the parts that the operator starts as well: it may not hand out rights itself. */
export function workloadAccounts(context: Context): readonly Manifest[] {
  return [
    ...account(context, "reconciler", RECONCILER),
    ...account(context, "controller", CONTROLLER),
    ...account(context, "dhcp-daemon", DHCP_DAEMON),
  ];
}

export function agentAccount(context: Context): readonly Manifest[] {
  return account(context, "agent", AGENT);
}

export function operatorAccount(context: Context): readonly Manifest[] {
  return account(context, "operator", OPERATOR);
}

export function uiAccount(context: Context): readonly Manifest[] {
  return account(context, "ui", UI);
}

export function webhookAccount(context: Context): readonly Manifest[] {
  return account(context, "webhook", WEBHOOK);
}

/** Roles that an administrator binds to people; nothing of Berth's own uses them. */
export function peopleRoles(): readonly Manifest[] {
  const role = (name: string, rules: readonly Rule[]): Manifest => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name, labels: componentLabels("people") },
    rules,
  });
  return [role("berth-viewer", VIEWER), role("berth-editor", EDITOR)];
}

/**
 * On OpenShift the parts that use folders of the host need a constraint that allows it, and the others one that lets them keep the
 * user of the image; both come with OpenShift (nonroot-v2 since 4.11).
 */
export function openshift({ namespace }: Context): readonly Manifest[] {
  const rbac = "rbac.authorization.k8s.io";
  const allow = (constraint: string, name: string, parts: readonly string[]): readonly Manifest[] => {
    const use = rule("security.openshift.io", "securitycontextconstraints", ["use"], [constraint]);
    const subjects = parts.map((part) => ({ kind: "ServiceAccount", name: `berth-${part}`, namespace }));
    const metadata = { name, namespace };
    const roleRef = { apiGroup: rbac, kind: "Role", name };
    return [
      { apiVersion: `${rbac}/v1`, kind: "Role", metadata, rules: [use] },
      { apiVersion: `${rbac}/v1`, kind: "RoleBinding", metadata: { ...metadata }, roleRef, subjects },
    ];
  };
  return [
    ...allow("privileged", "berth-privileged", ["agent", "dhcp-daemon"]),
    ...allow("nonroot-v2", "berth-nonroot", ["reconciler", "controller", "operator", "webhook", "ui"]),
  ];
}
