import type { Cluster } from "./cluster.ts";
import { type Failure, forbidden } from "./failure.ts";
import type { User } from "./identity.ts";
import { isJson, type Json, list, text } from "./json.ts";
import type { PathInfo } from "./target.ts";

/** What is asked for, in the words of a SubjectAccessReview. */
export type Access = {
  readonly verb: string;
  readonly group: string;
  /** With `/subresource` where there is one. */
  readonly resource: string;
  /** "": cluster-wide. */
  readonly namespace: string;
  readonly name: string;
};

const RBAC = "rbac.authorization.k8s.io";

/** Whether Roles and ClusterRoles in the store, through their bindings, allow it. */
export function isAllowed({ store }: Cluster, user: User, access: Access): boolean {
  if (user.groups?.includes("system:masters")) return true;
  const rulesOf = (reference: Json, namespace: string) => {
    const plural = reference.kind === "Role" ? "roles" : "clusterroles";
    const key = `${plural === "roles" ? namespace : ""}/${text(reference, "name") ?? ""}`;
    return list(store.get(`${RBAC}/${plural}`, key), "rules");
  };
  const binds = (plural: string, namespace: string) =>
    store.list(`${RBAC}/${plural}`, `${namespace}/`).some(({ object }) => {
      const { roleRef } = object;
      if (!isJson(roleRef) || !list(object, "subjects").some((subject) => isUser(subject, user)))
        return false;
      return rulesOf(roleRef, namespace).some((rule) => covers(rule, access));
    });
  if (binds("clusterrolebindings", "")) return true;
  return access.namespace !== "" && binds("rolebindings", access.namespace);
}

function isUser(subject: unknown, user: User): boolean {
  const name = text(subject, "name") ?? "";
  switch (text(subject, "kind")) {
    case "User":
      return name === user.name;
    case "Group":
      return user.groups?.includes(name) ?? false;
    case "ServiceAccount":
      return user.name === `system:serviceaccount:${text(subject, "namespace") ?? ""}:${name}`;
    default:
      return false;
  }
}

function covers(rule: unknown, { verb, group, resource, name }: Access): boolean {
  const has = (key: string, value: string) => {
    const values = list(rule, key);
    return values.includes(value) || values.includes("*");
  };
  const names = list(rule, "resourceNames");
  const [, subresource] = resource.split("/");
  const anyParent = subresource !== undefined && list(rule, "resources").includes(`*/${subresource}`);
  if (!has("verbs", verb) || !has("apiGroups", group)) return false;
  if (!has("resources", resource) && !anyParent) return false;
  return names.length === 0 || names.includes(name);
}

/** The name that a list or watch is limited to by its field selector counts as the request's name. */
export function accessOf(info: PathInfo, verb: string, query: URLSearchParams): Access {
  const selected = /(?:^|,)metadata\.name==?([^,]+)/.exec(query.get("fieldSelector") ?? "")?.[1];
  return {
    verb,
    group: info.group,
    resource: info.subresource === undefined ? info.resource : `${info.resource}/${info.subresource}`,
    namespace: info.namespace ?? (info.resource === "namespaces" ? (info.name ?? "") : ""),
    name: info.name ?? selected ?? "",
  };
}

export function refuse(user: User, access: Access, namespaced: boolean): Failure {
  const { verb, group, resource, namespace, name } = access;
  const where = namespaced ? `in the namespace "${namespace}"` : "at the cluster scope";
  const why = `User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  return forbidden({ group, plural: resource.split("/")[0] ?? "", kind: "" }, name, why);
}
