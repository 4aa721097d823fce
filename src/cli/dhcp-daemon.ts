import { rmSync, writeFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { parseArgs } from "node:util";
import { Agent } from "../agent/agent.ts";
import { DEFAULT_DHCP, type DhcpSettings } from "../agent/dhcp/settings.ts";
import { DEFAULT_SETTINGS, readSettings } from "../agent/options.ts";
import { DEFAULT_STATE_DIR } from "../agent/paths.ts";
import { systemClock } from "../clock.ts";
import { DEFAULT_DHCP_SOCKET } from "../config/index.ts";
import { err, ok, type Result } from "../result.ts";
import { untilTold, writeLog } from "./daemon.ts";
import { readDuration } from "./duration.ts";
import { becomeLean, EARLY_COLLECTION } from "./lean.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth dhcp-daemon [OPTIONS]

Keeps DHCP leases for the plugin dhcp, in the place of "dhcp daemon" of the Go plugins. One or two dashes are the same.
Durations are such as 500ms, 10s or 3m28s. Log lines (JSON) go to standard error.

  -socketpath PATH       where the plugin finds it                      ${DEFAULT_DHCP_SOCKET}
  -hostprefix DIR        put before socket, state folder and the paths of namespaces
  -pidfile PATH          file for the process id; absolute
  -broadcast             ask servers to broadcast their answers
  -timeout DURATION      wait for the first answer; doubles             1s
  -resendmax DURATION    longest wait between two tries                 62s
  -resendtimeout DURATION  time for getting a lease, all in all         3m28s
  -state-dir DIR         journal of the leases                          ${DEFAULT_STATE_DIR}
  -metrics-address HOST:PORT  /metrics, /healthz and /readyz            off
  -log-level LEVEL       debug, verbose, error or panic                 verbose
  -in-cluster            in a pod: its service account tells pods of their leases; else the kubeconfig
                         of whereabouts' flat file does, where there is one
  -sweep DURATION        how often interfaces are looked for            30s

A restart keeps the leases. Exit codes: 0 stopped; 1 cannot serve, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  socketpath: { type: "string", default: DEFAULT_DHCP_SOCKET },
  hostprefix: { type: "string", default: "" },
  pidfile: { type: "string", default: "" },
  broadcast: { type: "boolean", default: false },
  timeout: { type: "string" },
  resendmax: { type: "string" },
  resendtimeout: { type: "string" },
  "state-dir": { type: "string", default: DEFAULT_STATE_DIR },
  "metrics-address": { type: "string", default: "off" },
  "log-level": { type: "string", default: "verbose" },
  sweep: { type: "string" },
  "in-cluster": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** `berth dhcp-daemon`: the DHCP role alone, with the flags of the Go daemon. */
export async function runDhcpDaemon(args: string[]): Promise<number> {
  const { values } = parseArgs({ args: args.map(asLongFlag), options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const { pidfile, hostprefix } = values;
  const dhcp = readDhcpSettings(values);
  if (!dhcp.ok) return complain(dhcp.error, 2);
  const settings = readSettings(
    { metricsAddress: values["metrics-address"], logLevel: values["log-level"] },
    DEFAULT_SETTINGS,
  );
  if (!settings.ok) return complain(settings.error, 2);
  becomeLean(process.env, EARLY_COLLECTION);
  const pid = writePid(pidfile);
  if (!pid.ok) return complain(pid.error, 1);

  const agent = Agent.start(
    {
      socket: `${hostprefix}${values.socketpath}`,
      stateDir: `${hostprefix}${values["state-dir"]}`,
      settings: settings.value,
      dhcp: dhcp.value,
      inCluster: values["in-cluster"],
      clock: systemClock,
      write: writeLog,
    },
    process.env,
  );
  if (!agent.ok) return complain(agent.error, 1);
  await untilTold();
  await agent.value.stop();
  if (pidfile !== "") rmSync(pidfile, { force: true });
  return 0;
}

/** Flags of Go have one dash or two, and may say =true. */
function asLongFlag(arg: string): string {
  const long = /^-[a-z]{2}/.test(arg) ? `-${arg}` : arg;
  return long === "--broadcast=true" ? "--broadcast" : long;
}

type DurationFlag = "timeout" | "resendmax" | "resendtimeout" | "sweep";

function readDhcpSettings(
  values: { readonly [key in DurationFlag]?: string | undefined } & {
    readonly broadcast: boolean;
    readonly hostprefix: string;
  },
): Result<DhcpSettings, string> {
  const read = (flag: DurationFlag) => {
    const text = values[flag];
    if (text === undefined) return ok(undefined);
    const ms = readDuration(text);
    if (ms === undefined || ms < 1) {
      return err(`-${flag}: ${JSON.stringify(text)} is no duration such as 500ms, 10s or 3m28s`);
    }
    return ok(ms);
  };
  const [firstWait, longestWait, budget, sweep] = [
    read("timeout"),
    read("resendmax"),
    read("resendtimeout"),
    read("sweep"),
  ];
  for (const one of [firstWait, longestWait, budget, sweep]) if (!one.ok) return one;
  return ok({
    broadcast: values.broadcast,
    hostPrefix: values.hostprefix,
    longestWait: (longestWait.ok && longestWait.value) || DEFAULT_DHCP.longestWait,
    budget: (budget.ok && budget.value) || DEFAULT_DHCP.budget,
    sweep: (sweep.ok && sweep.value) || DEFAULT_DHCP.sweep,
    ...(firstWait.ok && firstWait.value !== undefined && { firstWait: firstWait.value }),
  });
}

function writePid(path: string): Result<void, string> {
  if (path === "") return ok(undefined);
  if (!isAbsolute(path)) return err(`Error writing pidfile ${JSON.stringify(path)}: path not absolute`);
  try {
    writeFileSync(path, String(process.pid), { mode: 0o644 });
    return ok(undefined);
  } catch (error) {
    return err(
      `Error writing pidfile ${JSON.stringify(path)}: ${error instanceof Error ? error.message : ""}`,
    );
  }
}

function complain(why: string, exit: number): number {
  toStderr(`berth dhcp-daemon: ${why}\n`);
  return exit;
}
