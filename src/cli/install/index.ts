import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { DEFAULT_STATE_DIR } from "../../agent/paths.ts";
import { toStderr, toStdout } from "../stdio.ts";
import { renderTable } from "../table.ts";
import { type Deed, place, remove } from "./files.ts";
import { DHCP_KEEPERS, type DhcpKeeper, installation } from "./plan.ts";

const HELP = `usage: berth install [OPTIONS]

Puts the plugins, the executable, the agent's settings and its systemd units in place.

  --bin-dir DIR      CNI plugins of the container runtime   /opt/cni/bin
  --conf-dir DIR     settings of the agent                  /etc/berth
  --program-dir DIR  the executable berth                   /usr/local/bin
  --unit-dir DIR     systemd's units; "" for none           /etc/systemd/system where systemd runs
  --dhcp KEEPER      who keeps DHCP leases: agent, daemon (berth-dhcp.service), or none   none
  --root DIR         all of it below this folder            (a host's root as a container sees it)
  --plugins-only     nothing but the plugins: for a node whose agent runs in a pod
  --remove           take it away again; plugins of the same names that were there before come back

Running processes go on with the files that they have. Addresses stay in the stores.
Exit codes: 0 done; 1 a path could not be written, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  "bin-dir": { type: "string", default: "/opt/cni/bin" },
  "conf-dir": { type: "string", default: "/etc/berth" },
  "program-dir": { type: "string", default: "/usr/local/bin" },
  "unit-dir": { type: "string" },
  dhcp: { type: "string", default: "none" },
  root: { type: "string", default: "" },
  "plugins-only": { type: "boolean", default: false },
  remove: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** `berth install`: one table of what was done to which path; exit code 1 if a path could not be written. */
export async function runInstall(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const { root } = values;
  const systemd = existsSync(`${root}/run/systemd/system`) ? "/etc/systemd/system" : "";
  const places = {
    root,
    binDir: values["bin-dir"],
    confDir: values["conf-dir"],
    programDir: values["program-dir"],
    unitDir: values["unit-dir"] ?? systemd,
  };
  const keeper = DHCP_KEEPERS.find((known) => known === values.dhcp);
  if (keeper === undefined) {
    const given = JSON.stringify(values.dhcp);
    toStderr(`berth install: --dhcp ${given}: it is one of ${DHCP_KEEPERS.join(", ")}\n`);
    return 2;
  }
  const items = installation(process.execPath, places, values.remove ? undefined : keeper);
  if (!items.ok) {
    toStderr(`berth install: ${items.error}\n`);
    return 1;
  }
  let failed = false;
  // Of all files only the plugins put others aside.
  const chosen = values["plugins-only"] ? items.value.filter(({ aside }) => aside) : items.value;
  const deeds = chosen.map((item): Deed => {
    try {
      return values.remove ? remove(item) : place(item);
    } catch (error) {
      failed = true;
      return { path: item.path, what: `FAILED: ${error instanceof Error ? error.message : String(error)}` };
    }
  });
  toStdout(
    renderTable(
      ["PATH", "DONE"],
      deeds.map(({ path, what }) => [path, what]),
    ),
  );
  if (!failed && !values["plugins-only"]) toStdout(`\n${next(values.remove, places.unitDir !== "", keeper)}`);
  return failed ? 1 : 0;
}

function next(removed: boolean, units: boolean, keeper: DhcpKeeper): string {
  const agent = "berth-agent.socket berth-agent.service";
  const daemon = "berth-dhcp.socket berth-dhcp.service";
  if (removed) {
    const stop = units ? `Stop what runs: systemctl disable --now ${agent} ${daemon}\n` : "";
    return `${stop}Addresses and journal stay in ${DEFAULT_STATE_DIR} until you remove it.\n`;
  }
  const started = keeper === "daemon" ? `${agent} ${daemon}` : agent;
  return units
    ? `Next: systemctl daemon-reload && systemctl enable --now ${started}\n`
    : "Next: start `berth agent` as root. Until it runs the plugins do the work by themselves, only slower.\n";
}
