import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { ask } from "../agent/ask.ts";
import { readJournal } from "../agent/journal-file.ts";
import { DEFAULT_SOCKET, DEFAULT_STATE_DIR, journalPath } from "../agent/paths.ts";
import { journalStatus, type Status } from "../agent/status.ts";
import { harmless } from "./colour.ts";
import { printHelp, short } from "./output.ts";
import { toStderr, toStdout } from "./stdio.ts";
import { renderTable } from "./table.ts";
import { showPage, WATCH_HELP, WATCH_OPTIONS } from "./watch.ts";

const HELP = `usage: berth status [OPTIONS]

What the agent of this node does, holds and owes, and which calls failed lately. Without an agent: what it still owes.

  --socket PATH        the agent             ${DEFAULT_SOCKET}
  --state-dir DIR      where its journal is  ${DEFAULT_STATE_DIR}
  -o, --output FORMAT  table or json         table
${WATCH_HELP}
Exit codes: 0 done; 1 no agent answers; 2 wrong usage.
`;

const OPTIONS = {
  ...WATCH_OPTIONS,
  help: { type: "boolean", default: false },
  socket: { type: "string", default: DEFAULT_SOCKET },
  "state-dir": { type: "string", default: DEFAULT_STATE_DIR },
  output: { type: "string", short: "o", default: "table" },
} as const;

const TIMEOUT = 5_000;

/** `berth status`: what the agent does; without an agent what it still owes. */
export async function runStatus(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) return printHelp(HELP);
  const json = values.output === "json";
  if (!json && values.output !== "table") {
    toStderr(`berth: --output is table or json, not ${JSON.stringify(values.output)}\n`);
    return 2;
  }
  return showPage(() => page(values, json), values.watch);
}

/** What the agent says; without one the exit code, with what is owed shown. */
async function page(
  values: { readonly socket: string; readonly "state-dir": string },
  json: boolean,
): Promise<string | number> {
  const reply = await ask(values.socket, { plugin: "status", timeout: TIMEOUT, env: {}, stdin: "" });
  if (reply.ok) {
    const status: Status = JSON.parse(reply.value.stdout);
    return json ? `${JSON.stringify(status, null, 2)}\n` : render(status);
  }
  toStderr(`berth: no agent answers at ${values.socket}: ${reply.error}\n`);
  const owed = readOwed(journalPath(values["state-dir"]));
  if (json) toStdout(`${JSON.stringify({ state: "down", journal: owed }, null, 2)}\n`);
  else if (owed && owed.depth > 0) toStdout(renderJournal(owed));
  return 1;
}

function readOwed(path: string): Status["journal"] | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const journal = readJournal(path);
    const owed = journalStatus(journal);
    journal.close();
    return owed;
  } catch (error) {
    toStderr(`berth: the journal ${path} cannot be read: ${String(error)}\n`);
    return undefined;
  }
}

function render(status: Status): string {
  const {
    version,
    pid,
    started,
    memory,
    state,
    socket,
    metrics,
    underWay,
    requests,
    stores,
    journal,
    failures,
  } = status;
  const up = Math.round((Date.now() - Date.parse(started)) / 1000);
  const head = renderTable(
    [`Berth ${version} agent`, state],
    [
      ["socket", socket],
      ["metrics", metrics ?? "off"],
      ["process", `${pid}, up ${age(up)}, ${(memory / 2 ** 20).toFixed(1)} MiB`],
      ["under way", String(underWay)],
      ["owed", journal.depth === 0 ? "nothing" : String(journal.depth)],
    ],
  );
  const parts = [head];
  if (requests.length > 0) {
    const rows = requests.map(({ type, verb, code, count, p50, p99 }) => {
      return [type, verb, code === "0" ? "ok" : code, String(count), `<${ms(p50)}`, `<${ms(p99)}`];
    });
    parts.push(renderTable(["TYPE", "VERB", "CODE", "CALLS", "HALF IN", "99% IN"], rows));
  }
  for (const { store, error, notes = [], pools } of stores) {
    if (error !== undefined) parts.push(`${store}: ${error}\n`);
    for (const note of notes) parts.push(`${store}: ${note}\n`);
    const rows = pools.map(({ network, range, total, used, free }) => {
      return [network || "-", range, short(total), used, short(free)];
    });
    if (rows.length > 0)
      parts.push(`${store}\n${renderTable(["NETWORK", "RANGE", "TOTAL", "USED", "FREE"], rows)}`);
  }
  if (journal.depth > 0) parts.push(renderJournal(journal));
  if (failures.length > 0) parts.push(renderFailures(failures));
  return parts.join("\n");
}

function renderJournal({ depth, entries }: Status["journal"]): string {
  const rows = entries.map(({ plugin, sandbox, ifname, since, attempts, next, error }) => {
    return [plugin, sandbox.slice(0, 13), ifname, since, String(attempts), next, error];
  });
  const more = depth > entries.length ? `and ${depth - entries.length} more\n` : "";
  return `Owed to stores that were away: ${depth}\n${renderTable(["TYPE", "SANDBOX", "INTERFACE", "SINCE", "TRIED", "NEXT", "WHY"], rows)}${more}`;
}

/** The last ones; `-o json` has them all. */
const SHOWN = 10;

function renderFailures(failures: Status["failures"]): string {
  const rows = failures
    .slice(0, SHOWN)
    .map(({ last, count, verb, pod, sandbox, code, message, ...failure }) => {
      const who = pod || sandbox.slice(0, 13);
      const cells = [
        last,
        String(count),
        verb,
        who,
        failure.interface,
        failure.network,
        String(code),
        message,
      ];
      return cells.map((text) => harmless(text) || "-");
    });
  const more = failures.length > SHOWN ? `and ${failures.length - SHOWN} more\n` : "";
  const titles = ["LAST", "TIMES", "VERB", "POD", "INTERFACE", "NETWORK", "CODE", "WHY"];
  return `Failed lately: ${failures.length}\n${renderTable(titles, rows)}${more}`;
}

function age(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

function ms(seconds: number): string {
  return seconds >= 1 ? `${seconds} s` : `${Math.round(seconds * 10_000) / 10} ms`;
}
