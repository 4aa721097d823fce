import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiRequest, ApiResponse, Transport } from "../../src/kube/transport.ts";
import { Authority } from "./certificates.ts";
import { Double, type DoubleOptions, initialObjects } from "./double.ts";
import { HttpFront } from "./http.ts";
import { installAll } from "./install.ts";
import { type Credentials, writeKubeconfig } from "./kubeconfig.ts";
import { realAssets, startReal } from "./real.ts";
import { listenTls } from "./tls.ts";
import { fetchTransport } from "./wire.ts";

/** An API server with a port of its own. */
export type RunningApiServer = {
  readonly kind: "double" | "real";
  readonly url: string;
  /** Credentials of an administrator. */
  readonly kubeconfigPath: string;
  /** Where certificates and kubeconfig lie, and more may; removed at the end. */
  readonly folder: string;
  /** The administrator's wire: straight HTTP, nothing retried. */
  readonly transport: Transport;
  /** Faults, counters and stored objects; only the double has them. */
  readonly double?: Double;
  /** A certificate for another user, and a kubeconfig with it; its path. The double must be started with `tls`. */
  kubeconfigFor(user: string, groups?: readonly string[], namespace?: string): string;
  stop(): Promise<void>;
};

export type StartOptions = DoubleOptions & {
  /** Always the double, for tests that need its faults. */
  readonly kind?: "double";
  /** Whether the double speaks HTTPS and knows client certificates, as the real one does; false where left out. */
  readonly tls?: boolean;
};

/**
 * Starts the real kube-apiserver with its etcd where KUBEBUILDER_ASSETS names their folder, else the double. Both hold the
 * same namespaces and CustomResourceDefinitions when this returns. On the real one there are no controllers and the
 * authorization is RBAC.
 */
export async function startApiServer(options: StartOptions = {}): Promise<RunningApiServer> {
  const assets = options.kind === "double" ? undefined : realAssets();
  const folder = mkdtempSync(join(tmpdir(), "berth-apiserver-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  try {
    return assets === undefined
      ? await startDouble(options, folder, removeFolder)
      : await startAssets(assets, options, folder, removeFolder);
  } catch (problem) {
    removeFolder();
    throw problem;
  }
}

async function startDouble(
  options: StartOptions,
  folder: string,
  removeFolder: () => void,
): Promise<RunningApiServer> {
  const double = new Double(options);
  const front = await HttpFront.listen(double.gateway);
  if (!options.tls) {
    const url = `http://127.0.0.1:${front.port}`;
    return running("double", url, folder, {}, undefined, double, async () => {
      await front.close();
      removeFolder();
    });
  }
  const authority = new Authority(folder);
  const outside = await listenTls(front.port, authority.forServer(), authority.certificate, front.users);
  const admin = authority.forUser("kubernetes-admin", ["system:masters"]);
  const url = `https://127.0.0.1:${outside.port}`;
  return running(
    "double",
    url,
    folder,
    { ca: authority.certificate, ...admin },
    authority,
    double,
    async () => {
      await outside.close();
      await front.close();
      removeFolder();
    },
  );
}

async function startAssets(
  assets: string,
  options: StartOptions,
  folder: string,
  removeFolder: () => void,
): Promise<RunningApiServer> {
  const real = await startReal(assets, folder);
  const credentials = { ca: real.ca, ...real.admin };
  const server = running("real", real.url, folder, credentials, real.authority, undefined, async () => {
    await real.stop();
    removeFolder();
  });
  try {
    await installAll(server.transport, initialObjects(options.crds, options.namespaces ?? []));
  } catch (problem) {
    await server.stop();
    throw problem;
  }
  return server;
}

function running(
  kind: RunningApiServer["kind"],
  url: string,
  folder: string,
  credentials: Omit<Credentials, "server">,
  authority: Authority | undefined,
  double: Double | undefined,
  stop: () => Promise<void>,
): RunningApiServer {
  const kubeconfigPath = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfigPath, { server: url, ...credentials });
  const transport = fetchTransport(url, credentials);
  return {
    kind,
    url,
    kubeconfigPath,
    folder,
    transport,
    ...(double ? { double } : {}),
    kubeconfigFor: (user, groups = [], namespace) => {
      if (!authority) throw new Error("start the double with `tls` for client certificates");
      const path = join(folder, `${user.replaceAll(/[^A-Za-z0-9.-]/g, "_")}.kubeconfig`);
      const pair = authority.forUser(user, groups);
      const more = namespace === undefined ? {} : { namespace };
      writeKubeconfig(path, { server: url, ca: authority.certificate, ...pair, ...more });
      return path;
    },
    stop: async () => {
      transport.close();
      await stop();
    },
  };
}

/** Runs the body against a server that is stopped afterwards, come what may. */
export async function withApiServer(
  body: (server: RunningApiServer) => Promise<void>,
  options: StartOptions = {},
): Promise<void> {
  const server = await startApiServer(options);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

/** One request; throws where no answer comes. For tests that look at plain HTTP. */
export async function send(
  transport: Transport,
  method: ApiRequest["method"],
  path: string,
  body?: unknown,
  headers: ApiRequest["headers"] = {},
): Promise<ApiResponse & { readonly json: unknown }> {
  const request: ApiRequest = {
    method,
    path,
    headers: { accept: "application/json", "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  };
  const result = await transport.request(request, 30_000);
  if (!result.ok) throw new Error(`${method} ${path}: ${result.error.code}: ${result.error.message}`);
  const { value } = result;
  const isJson = (value.headers["content-type"] ?? "").includes("json") && value.body !== "";
  return { ...value, json: isJson ? JSON.parse(value.body) : undefined };
}
