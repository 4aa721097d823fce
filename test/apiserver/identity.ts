import type { ApiRequest } from "../../src/kube/transport.ts";

export type User = { readonly name: string; readonly groups?: readonly string[] };

/** May do everything, as the holder of kubeadm's admin.conf. */
export const ADMIN: User = { name: "kubernetes-admin", groups: ["system:masters"] };

const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

export function serviceAccount(namespace: string, name: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`],
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
    return { name: user.name, groups: [...(user.groups ?? []), "system:authenticated"] };
  }
}
