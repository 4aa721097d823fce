import type { Clock } from "../clock.ts";
import { isObject } from "../cni/json.ts";
import type { Log } from "../log.ts";
import type { Identity } from "./certificate.ts";
import type { WebhookMetrics } from "./metrics.ts";
import { judge, type Knowledge } from "./review.ts";

export type WebhookOptions = {
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly identity: Identity;
  readonly knowledge: () => Knowledge;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: WebhookMetrics;
};

/** Objects in etcd are at most 1.5 MiB; a review carries two. */
const MOST_BODY = 4 * 1024 * 1024;

/** Answers AdmissionReviews of admission.k8s.io/v1 at /validate, /healthz and /readyz, over TLS. */
export class WebhookServer {
  /** Whether the API server knows the certificate: it would only fail to talk to us before. */
  isTrusted = false;
  readonly #options: WebhookOptions;
  #server: ReturnType<typeof Bun.serve>;

  /** Throws what Bun throws if the address cannot be had. */
  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#server = this.#serve(options.port, options.identity);
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  /** Goes on with another certificate; calls that are under way are finished with the old one. */
  renew(identity: Identity): void {
    const old = this.#server;
    this.#server = this.#serve(this.port, identity);
    void old.stop(false);
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  #serve(port: number, { certificate, key, notAfter }: Identity): ReturnType<typeof Bun.serve> {
    this.#options.metrics?.serves(notAfter);
    return Bun.serve({
      hostname: this.#options.hostname,
      port,
      reusePort: true, // the next one begins before this one ends
      tls: { cert: certificate, key },
      maxRequestBodySize: MOST_BODY,
      idleTimeout: 60,
      fetch: (request) => this.#answer(request),
    });
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return new Response("ok\n");
    if (pathname === "/readyz") {
      if (this.isTrusted) return new Response("ok\n");
      return new Response("the API server does not know the certificate yet\n", { status: 503 });
    }
    if (pathname !== "/validate" || request.method !== "POST")
      return new Response("POST /validate\n", { status: 404 });
    const { clock, metrics } = this.#options;
    const review = await readJson(request);
    const started = clock.elapsed();
    if (!isObject(review) || !isObject(review.request)) {
      metrics?.reviewed("unreadable", 0);
      return new Response("no AdmissionReview\n", { status: 400 });
    }
    const verdict = judge(review.request, this.#options.knowledge());
    const ms = clock.elapsed() - started;
    const warnings = verdict.warnings?.length ?? 0;
    metrics?.reviewed(verdict.allowed ? (warnings > 0 ? "warned" : "admitted") : "refused", ms);
    const { kind, namespace, name, operation } = review.request;
    this.#options.log(verdict.allowed ? "verbose" : "error", verdict.allowed ? "admitted" : "refused", {
      kind: isObject(kind) ? String(kind.kind) : "",
      object: `${namespace ?? ""}/${name ?? ""}`,
      operation: String(operation),
      ...(verdict.status && { why: verdict.status.message }),
      warnings,
      ms: Math.round(ms * 100) / 100,
    });
    return Response.json({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: verdict });
  }
}

/** undefined: it is none. */
async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}
