import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { servePages } from "../agent/http.ts";
import { DEFAULT_SETTINGS, readSettings } from "../agent/options.ts";
import { systemClock } from "../clock.ts";
import { isObject } from "../cni/json.ts";
import { flatFileCandidates } from "../config/index.ts";
import { EventRecorder } from "../kube/events.ts";
import { Election } from "../kube/leader.ts";
import { jsonLog } from "../log.ts";
import { ReconcilerMetrics } from "../reconciler/metrics.ts";
import { Reconciler } from "../reconciler/reconciler.ts";
import { Schedule } from "../reconciler/schedule.ts";
import { readSmall, watchFolder } from "../reconciler/schedule-folder.ts";
import { textLog } from "../reconciler/text-log.ts";
import { openCluster } from "./cluster.ts";
import { untilTold, writeLog } from "./daemon.ts";
import { readDuration } from "./duration.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth reconciler [OPTIONS]

Takes back addresses whose pods are gone, in the place of whereabouts' ip-reconciler and ip-control-loop. Any number of copies may
run: one that is elected works, the others stand by.

  -log-level LEVEL        debug, verbose, error or panic         verbose
  --log-format FORMAT     json, or whereabouts: its own lines    json
  --schedule-dir DIR      folder of the mounted ConfigMap        /cron-schedule
  --schedule-file NAME    the file in it with the expression     config
  --grace DURATION        between the two looks at an address    60s
  --node NAME             only this node's pods, without election
  --metrics-address HOST:PORT  /metrics, /healthz and /readyz    off
  --namespace NAME        where the pools are     WHEREABOUTS_NAMESPACE, else the kubeconfig's, else kube-system
  --kubeconfig FILE       the cluster             KUBECONFIG, ~/.kube/config, or the pod's own account
  --context NAME          the context of the kubeconfig          its current one

Deletions of pods are acted upon as they are seen; the schedule (five fields, UTC) is the safety net. It is that of the ConfigMap,
else reconciler_cron_expression of whereabouts.conf, else "30 4 * * *".
Exit codes: 0 stopped by SIGTERM or SIGINT; 1 cannot start, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  "log-level": { type: "string", default: "verbose" },
  "log-format": { type: "string", default: "json" },
  "schedule-dir": { type: "string", default: "/cron-schedule" },
  "schedule-file": { type: "string", default: "config" },
  grace: { type: "string", default: "60s" },
  node: { type: "string" },
  "metrics-address": { type: "string", default: "off" },
  namespace: { type: "string" },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

const LEASE = "berth-reconciler";

/** `berth reconciler`: works until it is told to stop. */
export async function runReconciler(args: string[]): Promise<number> {
  // Flags of Go have one dash or two.
  const long = args.map((arg) => (/^-[a-z]{2}/.test(arg) ? `-${arg}` : arg));
  const { values } = parseArgs({ args: long, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const given = { logLevel: values["log-level"], metricsAddress: values["metrics-address"] };
  const settings = readSettings(given, DEFAULT_SETTINGS);
  if (!settings.ok) return complain(settings.error, 2);
  const grace = readDuration(values.grace);
  if (grace === undefined || grace < 1_000)
    return complain(
      `--grace: ${JSON.stringify(values.grace)} is no duration of a second or more, such as 60s`,
      2,
    );
  const format = values["log-format"];
  if (format !== "json" && format !== "whereabouts")
    return complain(`--log-format is json or whereabouts, not ${JSON.stringify(format)}`, 2);
  const { logLevel, metrics: pages } = settings.value;
  const log = (format === "json" ? jsonLog : textLog)(writeLog, logLevel, systemClock.now);

  const namespace = values.namespace ?? process.env.WHEREABOUTS_NAMESPACE;
  const opened = openCluster("berth-reconciler", { ...values, namespace });
  if (!opened.ok) return complain(opened.error, 1);
  const client = opened.value;
  const clock = systemClock;
  const folder = values["schedule-dir"];
  const mounted = join(folder, values["schedule-file"]);
  const schedule = new Schedule({ mounted: () => readSmall(mounted), flatFile }, log);
  const unwatch = watchFolder(folder, values["schedule-file"], (file) => schedule.reload(file), log);

  const host = process.env.NODENAME || hostname();
  const events = new EventRecorder({ client, clock, log, component: "berth-reconciler", host });
  let isLeading = false;
  const metrics = new ReconcilerMetrics(schedule, () => isLeading);
  const { node } = values;
  const scope = node === undefined ? {} : { scope: { node } };
  const reconciler = new Reconciler({ client, clock, log, schedule, events, metrics, grace, ...scope });
  const lead = async (signal: AbortSignal) => {
    isLeading = true;
    await reconciler.run(signal);
    isLeading = false;
  };
  // A name may be used again by another process while the work of the first still goes on.
  const identity = `${process.env.POD_NAME || hostname()}_${crypto.randomUUID()}`;
  const work =
    node === undefined
      ? new Election({ client, clock, log, name: LEASE, namespace: client.namespace, identity, lead })
      : new Alone(lead);
  const server =
    pages &&
    servePages(
      pages,
      { metrics: async () => metrics.registry.render(), ready: async () => reconciler.unready },
      log,
    );
  work.start();
  await untilTold();
  log("verbose", "shutting down reconciler");
  unwatch();
  await work.stop();
  await events.flush();
  server?.stop();
  client.close();
  return 0;
}

/** Work that nobody else does. */
class Alone {
  readonly #stop = new AbortController();
  readonly #lead: (signal: AbortSignal) => Promise<void>;
  #running: Promise<void> | undefined;

  constructor(lead: (signal: AbortSignal) => Promise<void>) {
    this.#lead = lead;
  }

  start(): void {
    this.#running ??= this.#lead(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

/** `reconciler_cron_expression` of the first flat file that there is. */
function flatFile(): string | undefined {
  for (const path of flatFileCandidates(undefined)) {
    const text = readSmall(path);
    if (text === undefined) continue;
    try {
      const content: unknown = JSON.parse(text);
      const found = isObject(content) ? content.reconciler_cron_expression : undefined;
      return typeof found === "string" ? found : undefined;
    } catch {
      return undefined; // berth lint --flat shows the place
    }
  }
  return undefined;
}

function complain(why: string, exit: number): number {
  toStderr(`berth reconciler: ${why}\n`);
  return exit;
}
