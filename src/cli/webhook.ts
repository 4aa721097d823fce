import { parseArgs } from "node:util";
import { servePages } from "../agent/http.ts";
import { readListen } from "../agent/listen.ts";
import { DEFAULT_SETTINGS, readSettings } from "../agent/options.ts";
import { systemClock } from "../clock.ts";
import { ATTACHMENTS } from "../kube/objects.ts";
import { WatchCache } from "../kube/watch-cache.ts";
import { networksOf } from "../lint/index.ts";
import { jsonLog } from "../log.ts";
import { openCluster } from "../store/kubernetes/cluster.ts";
import { openStore } from "../store/open.ts";
import type { PoolUsage } from "../store/store.ts";
import { selfSigned } from "../webhook/certificate.ts";
import { WebhookMetrics } from "../webhook/metrics.ts";
import { rotate, VALIDITY } from "../webhook/rotation.ts";
import { WebhookServer } from "../webhook/server.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth webhook [OPTIONS]

Refuses NetworkAttachmentDefinitions and Network objects that berth lint would refuse, and warns of what is legal but unwise.
It makes its own certificate, renews it, and writes it into the ValidatingWebhookConfiguration. Log lines (JSON) go to
standard error.

  --listen HOST:PORT      where to serve                         0.0.0.0:9443
  --service NAME.NAMESPACE  how the API server calls it          berth-webhook.kube-system
  --configuration NAME    of the ValidatingWebhookConfiguration  berth
  --kubeconfig FILE       the cluster                            the pod's own service account
  --context NAME          the context of the kubeconfig          its current one
  --metrics-address HOST:PORT  /metrics, /healthz and /readyz    off

Exit codes: 0 stopped by SIGTERM or SIGINT; 1 cannot start, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  listen: { type: "string", default: "0.0.0.0:9443" },
  service: { type: "string", default: "berth-webhook.kube-system" },
  configuration: { type: "string", default: "berth" },
  kubeconfig: { type: "string", default: "" },
  context: { type: "string" },
  "metrics-address": { type: "string", default: "off" },
  help: { type: "boolean", default: false },
} as const;

/** How often the fill of the pools is read, in milliseconds: it serves warnings only. */
const POOLS_AGE = 30_000;

/** `berth webhook`: serves until it is told to stop. */
export async function runWebhook(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const listen = readListen(values.listen);
  if (!listen) {
    toStderr(`berth webhook: --listen is HOST:PORT, not ${JSON.stringify(values.listen)}\n`);
    return 2;
  }
  const pages = readSettings({ metricsAddress: values["metrics-address"] }, DEFAULT_SETTINGS);
  if (!pages.ok) {
    toStderr(`berth webhook: ${pages.error}\n`);
    return 2;
  }
  const clock = systemClock;
  const metrics = new WebhookMetrics();
  const log = jsonLog((line) => toStderr(line), "verbose", clock.now);
  const { kubeconfig, context } = values;
  const choice = { kind: "kubernetes", kubeconfig, ...(context !== undefined && { context }) } as const;
  const client = openCluster(choice, clock);
  const store = openStore(choice, { patience: 10_000, staying: true, clock, log });
  if (!client.ok || !store.ok) {
    const why = client.ok ? (store.ok ? undefined : store.error) : client.error;
    toStderr(`berth webhook: ${why?.message} (${why?.hint})\n`);
    return 1;
  }
  const attachments = new WatchCache({
    client: client.value,
    clock,
    log,
    resource: ATTACHMENTS,
    project: networksOf,
  });
  attachments.start();
  let pools: readonly PoolUsage[] = [];
  const readPools = async () => {
    const usage = await store.value.pools();
    if (usage.ok) pools = usage.value;
  };
  const names = [`${values.service}.svc`, `${values.service}.svc.cluster.local`, values.service];
  const identity = selfSigned(names, clock.now(), VALIDITY);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  try {
    const knowledge = () => ({ networks: [...attachments.values()].flat(), pools });
    const server = new WebhookServer({ ...listen, identity, knowledge, clock, log, metrics });
    const address = pages.value.metrics;
    const ready = async () => (server.isTrusted ? [] : ["the API server does not know the certificate yet"]);
    const served =
      address && servePages(address, { metrics: async () => metrics.registry.render(), ready }, log);
    log("verbose", "webhook serves", {
      address: `${listen.hostname}:${server.port}`,
      service: values.service,
    });
    await readPools();
    const reading = setInterval(() => void readPools(), POOLS_AGE);
    const { configuration } = values;
    const rotation = { client: client.value, clock, log, configuration, names, server, identity, metrics };
    await rotate(rotation, stop.signal);
    clearInterval(reading);
    served?.stop();
    await server.stop();
    return 0;
  } catch (error) {
    toStderr(`berth webhook: ${values.listen}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await attachments.stop();
    store.value.close();
    client.value.close();
  }
}
