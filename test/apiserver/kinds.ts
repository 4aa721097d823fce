import type { Schema } from "./schema.ts";

/** A kind that the server serves, in one version. Objects of all versions of a kind share one table of the store. */
export type Kind = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Whether status is a subresource: then the main resource leaves it alone, and the other way round. */
  readonly status: boolean;
  /** Whether PUT needs a resourceVersion (AllowUnconditionalUpdate is false). */
  readonly conditional: boolean;
  /** Whether PUT of a missing object creates it. */
  readonly createOnUpdate: boolean;
  readonly custom: boolean;
  /** Which rule the name follows. */
  readonly naming: "subdomain" | "label" | "segment";
  /** The structural schema of a custom resource; without one nothing is pruned or validated. */
  readonly schema?: Schema;
};

export function apiVersion(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** The name of the kind's table in the store. */
export function table(kind: { readonly group: string; readonly plural: string }): string {
  return `${kind.group}/${kind.plural}`;
}

type Extras = Partial<Pick<Kind, "status" | "conditional" | "createOnUpdate" | "naming" | "shortNames">>;

function builtIn(
  apiGroup: string,
  plural: string,
  kind: string,
  namespaced: boolean,
  extras: Extras = {},
): Kind {
  const [version = "", group = ""] = apiGroup.split("/").reverse();
  return {
    group,
    version,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    shortNames: [],
    namespaced,
    status: false,
    conditional: false,
    createOnUpdate: false,
    custom: false,
    naming: "subdomain",
    ...extras,
  };
}

const RBAC = "rbac.authorization.k8s.io/v1";
const ADMISSION = "admissionregistration.k8s.io/v1";

export const CRD_KIND = builtIn(
  "apiextensions.k8s.io/v1",
  "customresourcedefinitions",
  "CustomResourceDefinition",
  false,
  {
    status: true,
    shortNames: ["crd", "crds"],
  },
);

export const BUILT_IN: readonly Kind[] = [
  builtIn("v1", "namespaces", "Namespace", false, { status: true, naming: "label", shortNames: ["ns"] }),
  builtIn("v1", "nodes", "Node", false, { status: true, shortNames: ["no"] }),
  builtIn("v1", "pods", "Pod", true, { status: true, shortNames: ["po"] }),
  builtIn("v1", "configmaps", "ConfigMap", true, { shortNames: ["cm"] }),
  builtIn("v1", "secrets", "Secret", true),
  builtIn("v1", "services", "Service", true, { status: true, naming: "label", shortNames: ["svc"] }),
  builtIn("v1", "serviceaccounts", "ServiceAccount", true, { shortNames: ["sa"] }),
  builtIn("v1", "events", "Event", true, { shortNames: ["ev"], createOnUpdate: true }),
  builtIn("events.k8s.io/v1", "events", "Event", true, { shortNames: ["ev"], createOnUpdate: true }),
  builtIn("coordination.k8s.io/v1", "leases", "Lease", true, { conditional: true, createOnUpdate: true }),
  builtIn("apps/v1", "daemonsets", "DaemonSet", true, { status: true, shortNames: ["ds"] }),
  builtIn("apps/v1", "deployments", "Deployment", true, { status: true, shortNames: ["deploy"] }),
  builtIn("apps/v1", "statefulsets", "StatefulSet", true, { status: true, shortNames: ["sts"] }),
  builtIn("apps/v1", "replicasets", "ReplicaSet", true, { status: true, shortNames: ["rs"] }),
  builtIn("batch/v1", "cronjobs", "CronJob", true, { status: true, shortNames: ["cj"] }),
  builtIn("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", true, {
    status: true,
    shortNames: ["pdb"],
  }),
  builtIn("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", true, { shortNames: ["netpol"] }),
  builtIn("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", false, { shortNames: ["pc"] }),
  builtIn(RBAC, "roles", "Role", true, { naming: "segment", createOnUpdate: true }),
  builtIn(RBAC, "rolebindings", "RoleBinding", true, { naming: "segment", createOnUpdate: true }),
  builtIn(RBAC, "clusterroles", "ClusterRole", false, { naming: "segment", createOnUpdate: true }),
  builtIn(RBAC, "clusterrolebindings", "ClusterRoleBinding", false, {
    naming: "segment",
    createOnUpdate: true,
  }),
  builtIn(ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false),
  builtIn(ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false),
  builtIn(ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false, { status: true }),
  builtIn(ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false),
  builtIn("apiregistration.k8s.io/v1", "apiservices", "APIService", false, { status: true }),
  CRD_KIND,
];
