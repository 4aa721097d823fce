import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiRequest, ApiResponse, Transport } from "../../src/kube/transport.ts";
import { Double, type DoubleOptions } from "./double.ts";
import { HttpFront } from "./http.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { fetchTransport } from "./wire.ts";

/** An API server with a port of its own. */
export type RunningApiServer = {
  readonly kind: "double" | "real";
  readonly url: string;
  /** Credentials of an administrator. */
  readonly kubeconfigPath: string;
  /** The administrator's wire: straight HTTP, nothing retried. */
  readonly transport: Transport;
  /** Faults, counters and stored objects; only the double has them. */
  readonly double?: Double;
  stop(): Promise<void>;
};

/** Starts the server that is at hand. */
export async function startApiServer(options: DoubleOptions = {}): Promise<RunningApiServer> {
  const double = new Double(options);
  const front = await HttpFront.listen(double.gateway);
  const folder = mkdtempSync(join(tmpdir(), "berth-apiserver-"));
  const kubeconfigPath = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfigPath, { server: front.url });
  const transport = fetchTransport(front.url);
  return {
    kind: "double",
    url: front.url,
    kubeconfigPath,
    transport,
    double,
    stop: async () => {
      transport.close();
      await front.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Runs the body against a server that is stopped afterwards, come what may. */
export async function withApiServer(
  body: (server: RunningApiServer) => Promise<void>,
  options: DoubleOptions = {},
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
