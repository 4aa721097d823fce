import { peopleRoles } from "../../deploy/model/rbac.ts";
import { Double } from "../apiserver/double.ts";
import type { Json } from "../apiserver/json.ts";

export const NAMESPACE = "kube-system";
const RBAC = "rbac.authorization.k8s.io";

/** A double with a pool and the roles of deploy/, and people whose tokens are their names. */
export class People {
  readonly double = new Double({ crds: "berth", rbac: true, tokens: {} });

  constructor() {
    fill(this.double);
    for (const [name, role] of PEOPLE) this.add(name, role);
  }

  /** Somebody with this token, who is called so. */
  add(token: string, role: string | undefined): void {
    const name = token.length > 20 ? "short-lived" : token;
    this.double.tokens.set(token, { name });
    if (role) this.bind(name, role === "viewer" ? "berth-viewer" : role);
  }

  bind(name: string, role: string): void {
    this.unbind(name);
    this.double.seed(binding(name, role));
  }

  unbind(name: string): void {
    this.double.gateway.server.cluster.store.delete(`${RBAC}/clusterrolebindings`, `/${name}`);
  }

  /** Who holds what, by offset. */
  holders(): { readonly [offset: string]: string } {
    const [pool] = this.double.objects({ group: "whereabouts.cni.cncf.io", plural: "ippools" });
    const entries: [string, { podref: string }][] = Object.entries(Object(pool).spec.allocations);
    return Object.fromEntries(entries.map(([offset, { podref }]) => [offset, podref]));
  }
}

const PEOPLE: readonly (readonly [string, string | undefined])[] = [
  ["page", "berth-viewer"],
  ["viewer", "berth-viewer"],
  ["editor", "berth-editor"],
  ["stranger", undefined],
];

/** Roles, and one pool with one address held. */
export function fill(double: Double): void {
  for (const role of peopleRoles()) double.seed(role as unknown as Json);
  double.seed({
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: { name: "10.1.0.0-24", namespace: NAMESPACE },
    spec: {
      range: "10.1.0.0/24",
      allocations: { 2: { id: "cid", podref: "default/web-1", ifname: "net1" } },
    },
  });
}

export function binding(name: string, role: string): Json {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: name.replaceAll(/[^a-z0-9.-]/g, "-") },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
    subjects: [{ kind: "User", name }],
  };
}
