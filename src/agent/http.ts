import type { Log } from "../log.ts";

export type Pages = {
  readonly metrics: () => Promise<string>;
  /** Why the agent cannot serve now; nothing if it can. */
  readonly ready: () => Promise<readonly string[]>;
};

/** Serves what Prometheus and kubelet ask for. An address that is taken costs the pages, not the agent. */
export function servePages(
  { hostname, port }: { hostname: string; port: number },
  pages: Pages,
  log: Log,
): { readonly url: string; stop(): void } | undefined {
  const text = (body: string, status = 200) =>
    new Response(body, { status, headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  try {
    const server = Bun.serve({
      hostname,
      port,
      idleTimeout: 10,
      maxRequestBodySize: 1024,
      routes: {
        "/metrics": { GET: async () => text(await pages.metrics()) },
        "/healthz": { GET: () => text("ok\n") },
        "/readyz": {
          GET: async () => {
            const reasons = await pages.ready();
            return reasons.length === 0 ? text("ok\n") : text(`${reasons.join("\n")}\n`, 503);
          },
        },
      },
      fetch: () => text("there are /metrics, /healthz and /readyz\n", 404),
    });
    return { url: String(server.url), stop: () => void server.stop(true) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log("error", "metrics and health are not served", { address: `${hostname}:${port}`, why });
    return undefined;
  }
}
