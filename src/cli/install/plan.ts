import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import service from "../../../deploy/systemd/berth-agent.service" with { type: "text" };
import socket from "../../../deploy/systemd/berth-agent.socket" with { type: "text" };
import dhcpRole from "../../../deploy/systemd/berth-agent-dhcp.conf" with { type: "text" };
import dhcpService from "../../../deploy/systemd/berth-dhcp.service" with { type: "text" };
import dhcpSocket from "../../../deploy/systemd/berth-dhcp.socket" with { type: "text" };
import { PLUGINS } from "../../ipam/invoke.ts";
import { err, ok, type Result } from "../../result.ts";

/** Where things go; each below `root`. */
export type Places = {
  /** Prefix of all other paths: "" or the root of a host's file system as a container sees it. */
  readonly root: string;
  /** The CNI plugins of the container runtime. */
  readonly binDir: string;
  /** The agent's settings. */
  readonly confDir: string;
  /** The executable berth. */
  readonly programDir: string;
  /** systemd's units; "" for none. */
  readonly unitDir: string;
};

/** A file to put in place: a copy of `from`, or `text`. */
export type Item = {
  readonly path: string;
  readonly mode: number;
  readonly source: { readonly from: string } | { readonly text: string };
  /** A file that people edit stays as it is. */
  readonly keep?: boolean;
  /** What another program left there under the same name is put aside, and comes back with the removal. */
  readonly aside?: boolean;
};

/** Who keeps DHCP leases: nobody, the agent, or a daemon of its own. */
export const DHCP_KEEPERS = ["none", "agent", "daemon"] as const;
export type DhcpKeeper = (typeof DHCP_KEEPERS)[number];

const UNITS: { readonly [name: string]: { readonly text: string; readonly of?: DhcpKeeper } } = {
  "berth-agent.service": { text: service },
  "berth-agent.socket": { text: socket },
  "berth-agent.service.d/dhcp.conf": { text: dhcpRole, of: "agent" },
  "berth-dhcp.service": { text: dhcpService, of: "daemon" },
  "berth-dhcp.socket": { text: dhcpSocket, of: "daemon" },
};

const SETTINGS = `{
  "metricsAddress": "127.0.0.1:9478",
  "logLevel": "verbose",
  "maxCalls": 1024
}
`;

/** Every shim holds this text; a Go plugin does not. */
const MARK = "no agent of Berth answers on this node";

/**
 * All files of an installation, from the executable at `program` and the shims beside it. Without `keeper` those of all keepers of
 * DHCP leases: what may be there to be taken away.
 */
export function installation(
  program: string,
  places: Places,
  keeper?: DhcpKeeper,
): Result<readonly Item[], string> {
  const shims = [join(dirname(program), "cni"), dirname(program)].find((folder) =>
    PLUGINS.every((name) => existsSync(join(folder, name))),
  );
  if (shims === undefined) {
    return err(`the plugins ${PLUGINS.join(", ")} are not beside ${program}, nor in its folder cni`);
  }
  const under = (folder: string, name: string) => join(places.root, folder, name);
  const unit = (text: string) =>
    text.replaceAll("@BERTH@", join(places.programDir, "berth")).replaceAll("@CONF@", places.confDir);
  const items: Item[] = [
    { path: under(places.programDir, "berth"), mode: 0o755, source: { from: program } },
    ...PLUGINS.map((name) => {
      return {
        path: under(places.binDir, name),
        mode: 0o755,
        source: { from: join(shims, name) },
        aside: true,
      };
    }),
    { path: under(places.confDir, "agent.json"), mode: 0o600, source: { text: SETTINGS }, keep: true },
  ];
  if (places.unitDir !== "") {
    for (const [name, { text, of }] of Object.entries(UNITS)) {
      if (of !== undefined && keeper !== undefined && of !== keeper) continue;
      items.push({ path: under(places.unitDir, name), mode: 0o644, source: { text: unit(text) } });
    }
  }
  return ok(items);
}

export function isShim(path: string): boolean {
  return readFileSync(path).includes(MARK);
}
