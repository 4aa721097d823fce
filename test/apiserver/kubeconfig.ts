import { writeFileSync } from "node:fs";

export type Credentials = {
  readonly server: string;
  /** Files in PEM. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  /** Of the context. */
  readonly namespace?: string;
};

/** Writes a kubeconfig with one cluster, one user and one context that is the current one. */
export function writeKubeconfig(path: string, credentials: Credentials): void {
  const { server, ca, certificate, key, token, namespace } = credentials;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "test", cluster: { server, ...(ca === undefined ? {} : { "certificate-authority": ca }) } },
    ],
    users: [
      {
        name: "test",
        user: {
          ...(certificate === undefined ? {} : { "client-certificate": certificate }),
          ...(key === undefined ? {} : { "client-key": key }),
          ...(token === undefined ? {} : { token }),
        },
      },
    ],
    contexts: [
      {
        name: "test",
        context: { cluster: "test", user: "test", ...(namespace === undefined ? {} : { namespace }) },
      },
    ],
    "current-context": "test",
  };
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
