import { parseArgs } from "node:util";
import { Agent } from "../agent/agent.ts";
import { DEFAULT_DHCP } from "../agent/dhcp/settings.ts";
import { DEFAULT_SETTINGS, readSettings, readSettingsFile, type Settings } from "../agent/options.ts";
import { DEFAULT_SOCKET, DEFAULT_STATE_DIR } from "../agent/paths.ts";
import { systemClock } from "../clock.ts";
import type { Result } from "../result.ts";
import { untilTold, writeLog } from "./daemon.ts";
import { becomeLean, EARLY_COLLECTION } from "./lean.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth agent [OPTIONS]

Answers the calls of the plugins of this node. Log lines (JSON) go to standard error.

  --socket PATH               where the plugins find it           ${DEFAULT_SOCKET}
  --state-dir DIR             journal of what is owed to stores   ${DEFAULT_STATE_DIR}
  --metrics-address HOST:PORT /metrics, /healthz and /readyz      127.0.0.1:9478; off
  --log-level LEVEL           debug, verbose, error or panic      verbose
  --max-calls N               calls under way at most             1024
  --slice-write-delay MS      what is held in slices may wait so long to be written to the API server; 0: not at all   1000
  --dhcp                      keep DHCP leases here; else the plugin dhcp asks berth dhcp-daemon
  --in-cluster                in a pod: use its service account, whatever kubeconfig a network names, or none
  --config FILE               JSON object with metricsAddress, logLevel, maxCalls, sliceWriteDelay; flags go before it

SIGHUP reads FILE again and opens stores anew; SIGTERM and SIGINT finish what was accepted and end.
Exit codes: 0 stopped; 1 cannot serve, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  socket: { type: "string", default: DEFAULT_SOCKET },
  "state-dir": { type: "string", default: DEFAULT_STATE_DIR },
  "metrics-address": { type: "string" },
  "log-level": { type: "string" },
  "max-calls": { type: "string" },
  "slice-write-delay": { type: "string" },
  dhcp: { type: "boolean", default: false },
  "in-cluster": { type: "boolean", default: false },
  config: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** `berth agent`: serves until it is told to stop. */
export async function runAgent(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const flags = {
    ...(values["metrics-address"] !== undefined && { metricsAddress: values["metrics-address"] }),
    ...(values["log-level"] !== undefined && { logLevel: values["log-level"] }),
    ...(values["max-calls"] !== undefined && { maxCalls: values["max-calls"] }),
    ...(values["slice-write-delay"] !== undefined && { sliceWriteDelay: values["slice-write-delay"] }),
  };
  const load = (): Result<Settings, string> => {
    const file = values.config === undefined ? undefined : readSettingsFile(values.config, DEFAULT_SETTINGS);
    return file && !file.ok ? file : readSettings(flags, file?.value ?? DEFAULT_SETTINGS);
  };
  const settings = load();
  if (!settings.ok) return complain(settings.error, 2);

  becomeLean(process.env, values.dhcp ? EARLY_COLLECTION : {});
  const { socket, "state-dir": stateDir, "in-cluster": inCluster } = values;
  const agent = Agent.start(
    {
      socket,
      stateDir,
      inCluster,
      settings: settings.value,
      ...(values.dhcp && { dhcp: DEFAULT_DHCP }),
      clock: systemClock,
      write: writeLog,
    },
    process.env,
  );
  if (!agent.ok) return complain(agent.error, 1);
  process.on("SIGHUP", () => {
    const next = load();
    if (next.ok) agent.value.reload(next.value);
    else complain(`${next.error}; the settings stay as they were`, 1);
  });
  await untilTold();
  await agent.value.stop();
  return 0;
}

function complain(why: string, exit: number): number {
  toStderr(`berth agent: ${why}\n`);
  return exit;
}
