import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { servePages } from "../agent/http.ts";
import { Registry } from "../agent/metrics.ts";
import { DEFAULT_SETTINGS, readSettings } from "../agent/options.ts";
import { systemClock as clock } from "../clock.ts";
import { Controller } from "../controller/controller.ts";
import { EventRecorder } from "../kube/events.ts";
import { Election } from "../kube/leader.ts";
import { jsonLog } from "../log.ts";
import { openCluster } from "./cluster.ts";
import { untilTold, writeLog } from "./daemon.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth controller [OPTIONS]

Gives nodes their slices of networks with node_slice_size (Fast IPAM), in the place of whereabouts' node-slice-controller. Any number of
copies may run: one that is elected works, the others stand by.

  --namespace NAME        where the pools are     WHEREABOUTS_NAMESPACE, else the kubeconfig's, else kube-system
  --kubeconfig FILE       the cluster             KUBECONFIG, ~/.kube/config, or the pod's own account
  --context NAME          the context of the kubeconfig          its current one
  --metrics-address HOST:PORT  /metrics, /healthz and /readyz    off
  --log-level LEVEL       debug, verbose, error or panic         verbose

Exit codes: 0 stopped by SIGTERM or SIGINT; 1 cannot start, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  namespace: { type: "string" },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  "metrics-address": { type: "string", default: "off" },
  "log-level": { type: "string", default: "verbose" },
  help: { type: "boolean", default: false },
} as const;

const LEASE = "berth-controller";

/** `berth controller`: works until it is told to stop. */
export async function runController(args: string[]): Promise<number> {
  // Flags of Go have one dash or two.
  const { values } = parseArgs({
    args: args.map((arg) => (/^-[a-z]{2}/.test(arg) ? `-${arg}` : arg)),
    options: OPTIONS,
  });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const given = { logLevel: values["log-level"], metricsAddress: values["metrics-address"] };
  const settings = readSettings(given, DEFAULT_SETTINGS);
  if (!settings.ok) return complain(settings.error, 2);
  const { logLevel, metrics: address } = settings.value;
  const log = jsonLog(writeLog, logLevel, clock.now);
  const namespace = values.namespace ?? process.env.WHEREABOUTS_NAMESPACE;
  const opened = openCluster("berth-controller", { ...values, namespace });
  if (!opened.ok) return complain(opened.error, 1);
  const client = opened.value;

  const registry = new Registry();
  const steps = registry.counter(
    "berth_controller_steps_total",
    "Writes of the controller, by what became of them.",
    ["step", "outcome"],
  );
  const events = new EventRecorder({ client, clock, log, component: "berth-controller", host: hostname() });
  let leading: Controller | undefined;
  registry.gauge("berth_controller_leader", "1 if this one does the work.", [], () => [
    [[], leading ? 1 : 0],
  ]);
  registry.gauge(
    "berth_slices",
    "Of the elected one: slice pools, slices given out, and open wishes.",
    ["what"],
    () => Object.entries(leading?.counts ?? {}).map(([what, count]) => [[what], count]),
  );
  registry.gauge(
    "berth_slice_pool_slices",
    "Of the elected one: slices of a NodeSlicePool, given to nodes and still to be had.",
    ["pool", "state"],
    () =>
      (leading?.fill ?? []).flatMap(({ pool, given, free }): [string[], number][] => [
        [[pool, "given"], given],
        [[pool, "free"], free],
      ]),
  );
  const lead = async (signal: AbortSignal) => {
    leading = new Controller({
      client,
      clock,
      log,
      events,
      counted: (step, outcome) => steps.add([step, outcome]),
    });
    await leading.run(signal);
    leading = undefined;
  };
  // A name may be used again by another process while the work of the first still goes on.
  const identity = `${process.env.POD_NAME || hostname()}_${crypto.randomUUID()}`;
  const election = new Election({
    client,
    clock,
    log,
    name: LEASE,
    namespace: client.namespace,
    identity,
    lead,
  });
  const pages =
    address &&
    servePages(
      address,
      { metrics: async () => registry.render(), ready: async () => leading?.unready ?? [] },
      log,
    );
  election.start();
  await untilTold();
  await election.stop();
  await events.flush();
  pages?.stop();
  client.close();
  return 0;
}

function complain(why: string, exit: number): number {
  toStderr(`berth controller: ${why}\n`);
  return exit;
}
