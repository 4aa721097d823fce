import { err, ok, type Result } from "../../src/result.ts";
import type { Cluster } from "./cluster.ts";
import { badRequest, type Failure } from "./failure.ts";
import type { Authenticator, User } from "./identity.ts";
import { child, isJson, type Json, list, text } from "./json.ts";
import { type Access, isAllowed } from "./rbac.ts";

const KINDS: { readonly [path: string]: string } = {
  "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": "SelfSubjectAccessReview",
  "/apis/authorization.k8s.io/v1/subjectaccessreviews": "SubjectAccessReview",
  "/apis/authentication.k8s.io/v1/selfsubjectreviews": "SelfSubjectReview",
  "/apis/authentication.k8s.io/v1/tokenreviews": "TokenReview",
};

export function isReview(path: string): boolean {
  return KINDS[path] !== undefined;
}

type Asking = {
  readonly cluster: Cluster;
  readonly authenticator: Authenticator;
  readonly rbac: boolean;
  readonly user: User;
};

/** Questions that are posted: may I, may they, who am I, whose token is this. Nothing of them is stored. */
export function review(path: string, body: unknown, asking: Asking): Result<Json, Failure> {
  const kind = KINDS[path];
  if (!isJson(body) || (body.kind !== undefined && body.kind !== kind)) {
    return err(badRequest(`the body is no ${kind}`));
  }
  const head = {
    kind,
    apiVersion: path.split("/").slice(2, 4).join("/"),
    metadata: { creationTimestamp: null },
  };
  const { user } = asking;
  const spec = child(body, "spec");
  if (kind === "SelfSubjectReview") return ok({ ...head, status: { userInfo: infoOf(user) } });
  if (kind === "TokenReview") return ok({ ...head, spec, status: tokenStatus(spec, asking) });
  const subject =
    kind === "SelfSubjectAccessReview"
      ? user
      : { name: text(spec, "user") ?? "", groups: list(spec, "groups").map(String) };
  const allowed = !asking.rbac || isAllowed(asking.cluster, subject, accessIn(spec));
  return ok({ ...head, spec, status: allowed ? { allowed, reason: "allowed by RBAC" } : { allowed } });
}

function accessIn(spec: Json): Access {
  const attributes = child(spec, "resourceAttributes");
  const resource = text(attributes, "resource") ?? "";
  const subresource = text(attributes, "subresource") ?? "";
  return {
    verb: text(attributes, "verb") ?? "",
    group: text(attributes, "group") ?? "",
    resource: subresource === "" ? resource : `${resource}/${subresource}`,
    namespace: text(attributes, "namespace") ?? "",
    name: text(attributes, "name") ?? "",
  };
}

function tokenStatus(spec: Json, { authenticator }: Asking): Json {
  const user = authenticator.tokens.get(text(spec, "token") ?? "");
  if (!user) return { authenticated: false, user: {}, error: "[invalid bearer token, token lookup failed]" };
  return {
    authenticated: true,
    user: infoOf({ ...user, groups: [...(user.groups ?? []), "system:authenticated"] }),
  };
}

function infoOf(user: User): Json {
  return { username: user.name, groups: user.groups ?? [] };
}
