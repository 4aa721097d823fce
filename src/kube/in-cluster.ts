import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import { type Endpoint, expiryOf, FileEndpoint, type KubeconfigError } from "./endpoint.ts";
import { type Connection, DEFAULT_NAMESPACE } from "./kubeconfig.ts";
import { readFile } from "./kubeconfig-file.ts";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export type Environment = { readonly [name: string]: string | undefined };

/** What kubelet gives to each pod: the service's address in the environment, token and CA in files. */
export function inCluster(
  env: Environment,
  clock: Clock,
  folder = SERVICE_ACCOUNT,
): Result<Connection, KubeconfigError> {
  const host = env.KUBERNETES_SERVICE_HOST ?? "";
  const port = env.KUBERNETES_SERVICE_PORT ?? "";
  if (host === "" || port === "") {
    const path = "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT";
    const hint = "run in a pod, or name a kubeconfig";
    return err({ code: "not_in_cluster", path, message: "not set: this is no pod of a cluster", hint });
  }
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const load = () => readAccount(server, folder);
  const first = load();
  if (!first.ok) return first;
  const namespace = readFile(join(folder, "namespace"));
  return ok({
    source: new FileEndpoint(first.value, load, clock),
    namespace: (namespace.ok && namespace.value.trim()) || DEFAULT_NAMESPACE,
  });
}

function readAccount(server: string, folder: string): Result<Endpoint, KubeconfigError> {
  const hint = "set automountServiceAccountToken of the pod";
  const token = readFile(join(folder, "token"));
  if (!token.ok) return err({ ...token.error, hint });
  const ca = readFile(join(folder, "ca.crt"));
  if (!ca.ok) return err({ ...ca.error, hint });
  const expires = expiryOf(token.value.trim());
  return ok({
    server,
    tls: { ca: ca.value },
    token: token.value.trim(),
    ...(expires !== undefined && { expires }),
  });
}
