import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { servePages } from "../agent/http.ts";
import { DEFAULT_SETTINGS, readSettings } from "../agent/options.ts";
import { systemClock } from "../clock.ts";
import type { KubeClient } from "../kube/api.ts";
import { Election } from "../kube/leader.ts";
import { jsonLog, type Log, type LogLevel } from "../log.ts";
import { OperatorMetrics } from "../operator/metrics.ts";
import { Operator } from "../operator/operator.ts";
import { DEFAULT_WORKLOAD_SETTINGS as DEFAULTS } from "../operator/workload/settings.ts";
import { openCluster } from "./cluster.ts";
import { untilTold } from "./daemon.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth operator [OPTIONS]

Makes the attachments and workloads that the Network of operator.openshift.io/v1 named cluster asks for, and the workloads that
attachments made by users need. Of several copies an elected one works. Log lines (JSON) go to standard error.

  --namespace NAMESPACE   of the workloads and of the Lease      POD_NAMESPACE, else ${DEFAULTS.namespace}
  --image IMAGE           of the workloads                       ${DEFAULTS.image}
  --adopt                 take over what the Cluster Network Operator made; only where that no longer runs
  --kubeconfig FILE       the cluster                            KUBECONFIG, ~/.kube/config, or the pod's own account
  --context NAME          the context of the kubeconfig          its current one
  --log-level LEVEL       debug, verbose, error or panic         verbose
  --metrics-address HOST:PORT  /metrics, /healthz and /readyz    off

What it makes carries the label app.kubernetes.io/managed-by=berth-operator; it changes and deletes nothing else.
Exit codes: 0 stopped by SIGTERM or SIGINT; 1 cannot start, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  namespace: { type: "string" },
  image: { type: "string", default: DEFAULTS.image },
  adopt: { type: "boolean", default: false },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  "log-level": { type: "string", default: "verbose" },
  "metrics-address": { type: "string", default: "off" },
  help: { type: "boolean", default: false },
} as const;

const LEVELS: readonly LogLevel[] = ["debug", "verbose", "error", "panic"];

/** `berth operator`: works until it is told to stop. */
export async function runOperator(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const level = LEVELS.find((known) => known === values["log-level"]);
  if (level === undefined) return complain(`--log-level is one of ${LEVELS.join(", ")}`, 2);
  const pages = readSettings({ metricsAddress: values["metrics-address"] }, DEFAULT_SETTINGS);
  if (!pages.ok) return complain(pages.error, 2);
  const log = jsonLog((line) => toStderr(line), level, systemClock.now);
  const namespace = values.namespace ?? (process.env.POD_NAMESPACE || DEFAULTS.namespace);
  const client = openCluster("berth-operator", values);
  if (!client.ok) return complain(client.error, 1);

  const settings = { ...DEFAULTS, namespace, image: values.image };
  const metrics = new OperatorMetrics();
  const options = { client: client.value, clock: systemClock, log, metrics, settings, adopts: values.adopt };
  const election = elect(client.value, log, namespace, async (signal) => {
    metrics.lead(true);
    await new Operator(options).run(signal);
    metrics.lead(false);
  });
  const address = pages.value.metrics;
  const texts = { metrics: async () => metrics.registry.render(), ready: async () => metrics.unready };
  const server = address && servePages(address, texts, log);
  election.start();
  await untilTold();
  await election.stop();
  server?.stop();
  client.value.close();
  return 0;
}

function elect(
  client: KubeClient,
  log: Log,
  namespace: string,
  lead: (signal: AbortSignal) => Promise<void>,
): Election {
  // A name may be used again by another process while the work of the first still goes on.
  const identity = `${process.env.POD_NAME || hostname()}_${crypto.randomUUID()}`;
  return new Election({ client, clock: systemClock, log, name: "berth-operator", namespace, identity, lead });
}

function complain(why: string, exit: number): number {
  toStderr(`berth operator: ${why}\n`);
  return exit;
}
