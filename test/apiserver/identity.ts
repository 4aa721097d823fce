import type { ApiRequest } from "../../src/kube/transport.ts";

export type User = {
  readonly name: string;
  readonly groups?: readonly string[];
  /** What an authenticator adds: the node of a pod's service account, say. */
  readonly extra?: { readonly [key: string]: readonly string[] };
};

/** May do everything, as the holder of kubeadm's admin.conf. */
export const ADMIN: User = { name: "kubernetes-admin", groups: ["system:masters"] };

const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/** `node`: that of the pod whose token it is (Kubernetes 1.32). */
export function serviceAccount(namespace: string, name: string, node?: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`],
    ...(node === undefined ? {} : { extra: { "authentication.kubernetes.io/node-name": [node] } }),
  };
}

/** Who sends a request. Tokens may be added and revoked while the server runs. */
export class Authenticator {
  /** Off: everybody is the administrator. */
  readonly on: boolean;
  readonly tokens: Map<string, User>;

  constructor(tokens: { readonly [token: string]: User } | undefined) {
    this.on = tokens !== undefined;
    this.tokens = new Map(Object.entries(tokens ?? {}));
  }

  /** The user of the client certificate, else of the bearer token, else nobody; undefined for a token that is unknown. */
  identify(headers: ApiRequest["headers"], certificate: User | undefined): User | undefined {
    if (!this.on) return certificate ?? ADMIN;
    const token = /^Bearer (.*)$/i.exec(headers.authorization ?? "")?.[1];
    const user = certificate ?? this.tokens.get(token ?? "");
    if (!user) return token === undefined ? ANONYMOUS : undefined;
    return { ...user, groups: [...(user.groups ?? []), "system:authenticated"] };
  }
}
