import { parseArgs } from "node:util";
import { ask } from "../agent/ask.ts";
import type { LeaseRow } from "../agent/dhcp/rows.ts";
import { DEFAULT_SOCKET } from "../agent/paths.ts";
import { DEFAULT_DHCP_SOCKET } from "../config/index.ts";
import { printHelp } from "./output.ts";
import { toStderr } from "./stdio.ts";
import { renderTable } from "./table.ts";
import { showPage, WATCH_HELP, WATCH_OPTIONS } from "./watch.ts";

const HELP = `usage: berth leases [OPTIONS]

The DHCP leases of this node: of the agent, or else of the DHCP daemon.

  --socket PATH        who is asked    ${DEFAULT_SOCKET}, ${DEFAULT_DHCP_SOCKET}
  -o, --output FORMAT  table or json   table
${WATCH_HELP}
Exit codes: 0 done; 1 nobody answers, with the reasons; 2 wrong usage.
`;

const OPTIONS = {
  ...WATCH_OPTIONS,
  help: { type: "boolean", default: false },
  socket: { type: "string" },
  output: { type: "string", short: "o", default: "table" },
} as const;

const TIMEOUT = 5_000;

/** `berth leases`: the DHCP leases of the agent, or else of the DHCP daemon. */
export async function runLeases(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) return printHelp(HELP);
  if (values.output !== "table" && values.output !== "json") {
    toStderr(`berth: --output is table or json, not ${JSON.stringify(values.output)}\n`);
    return 2;
  }
  const { output } = values;
  const sockets = values.socket === undefined ? [DEFAULT_SOCKET, DEFAULT_DHCP_SOCKET] : [values.socket];
  return showPage(() => page(sockets, output), values.watch);
}

/** The leases of the first that answers; the exit code where nobody does. */
async function page(sockets: readonly string[], output: "table" | "json"): Promise<string | number> {
  const reasons: string[] = [];
  for (const socket of sockets) {
    const reply = await ask(socket, { plugin: "leases", timeout: TIMEOUT, env: {}, stdin: "" });
    if (reply.ok && reply.value.exit === 0) {
      const rows: readonly LeaseRow[] = JSON.parse(reply.value.stdout);
      return output === "json" ? `${JSON.stringify(rows, null, 2)}\n` : render(rows);
    }
    reasons.push(`${socket}: ${reply.ok ? reply.value.stderr : reply.error}`);
  }
  toStderr(`berth: nobody answers for DHCP leases: ${reasons.join("; ")}\n`);
  return 1;
}

function render(rows: readonly LeaseRow[]): string {
  if (rows.length === 0) return "No lease is held.\n";
  const cells = rows.map((row) => [
    row.pod || row.sandbox.slice(0, 13),
    row.interface,
    row.address ?? "-",
    row.server ?? "-",
    row.state,
    row.address === null ? "-" : row.left === null ? "for ever" : timeLeft(row.left),
  ]);
  const troubles = rows.flatMap(({ pod, sandbox, interface: name, trouble }) =>
    trouble === null ? [] : [`${pod || sandbox} ${name}: ${trouble}\n`],
  );
  const table = renderTable(["POD", "INTERFACE", "ADDRESS", "SERVER", "STATE", "LEFT"], cells);
  return troubles.length === 0 ? table : `${table}\n${troubles.join("")}`;
}

function timeLeft(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
