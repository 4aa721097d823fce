import { type Clock, sleep } from "../clock.ts";
import type { KubeClient } from "../kube/api.ts";
import type { Log } from "../log.ts";
import { type Identity, selfSigned } from "./certificate.ts";
import type { WebhookMetrics } from "./metrics.ts";
import { trust } from "./registration.ts";
import type { WebhookServer } from "./server.ts";

/** Days that a certificate is valid; at two thirds of that the next one takes its place. */
export const VALIDITY = 30;
const DAY = 86_400_000;
/** How often the configuration is looked at: somebody may apply the manifest anew, without the certificate. Milliseconds. */
const LOOK = 60_000;
const RETRY = 5_000;
/** The API server must know a certificate before it meets it; milliseconds. */
const SPREAD = 10_000;

export type RotationOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the ValidatingWebhookConfiguration. */
  readonly configuration: string;
  readonly names: readonly string[];
  readonly server: Pick<WebhookServer, "renew" | "isTrusted">;
  readonly identity: Identity;
  readonly metrics?: WebhookMetrics;
};

/** Keeps the API server's trust in this server, and makes a new certificate before the old one ends; until the signal. */
export async function rotate(options: RotationOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log, configuration, names, server, metrics } = options;
  let { identity } = options;
  while (!signal.aborted) {
    const now = clock.now();
    const isOld = identity.notAfter - now < (VALIDITY * DAY) / 3;
    const next = isOld ? selfSigned(names, now, VALIDITY) : identity;
    const trusted = await trust(client, configuration, next.certificate, now);
    server.isTrusted ||= trusted.ok;
    metrics?.trusted(trusted.ok);
    if (!trusted.ok)
      log("error", "the API server does not know this webhook's certificate", { why: trusted.error });
    else if (isOld) {
      await sleep(clock, SPREAD, signal);
      server.renew(next);
      identity = next;
      log("verbose", "the certificate was renewed", { until: new Date(next.notAfter).toISOString() });
    }
    await sleep(clock, trusted.ok ? LOOK : RETRY, signal);
  }
}
