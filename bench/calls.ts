import { join } from "node:path";
import type { Program } from "./measure.ts";

const DIST = join(import.meta.dir, "../dist");
export const PEERS = "/usr/lib/cni";

export type Ipam = { type: string } & Record<string, unknown>;

/** Where no agent answers, so that the plugins do the work themselves. */
export const NO_AGENT = "/nonexistent/agent.sock";

/** One CNI call of an IPAM plugin, ours or a peer's; ours ask the agent at `socket`. */
export function cniCall(path: string, verb: string, id: string, ipam: Ipam, socket = NO_AGENT): Program {
  return {
    command: [path],
    env: {
      BERTH_SOCKET: socket,
      CNI_COMMAND: verb,
      CNI_CONTAINERID: id,
      CNI_NETNS: "/nonexistent",
      CNI_IFNAME: "net1",
      CNI_PATH: PEERS,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=${id}`,
    },
    stdin: JSON.stringify({ cniVersion: "1.0.0", name: "bench", type: "bridge", ipam }),
  };
}

export function ours(plugin: string): string {
  return join(DIST, "cni", plugin);
}

export function theirs(plugin: string): string {
  return join(PEERS, plugin);
}

/**
 * The Go whereabouts that is measured too, where PEER_WHEREABOUTS names it. Not looked for: what lies in /opt/cni/bin under this name
 * may be Berth.
 */
export function goWhereabouts(): string | undefined {
  return process.env.PEER_WHEREABOUTS || undefined;
}

export function whereaboutsOn(database: string, range: string): Ipam {
  return { type: "whereabouts", datastore: "sqlite", database, range };
}

export function hostLocalOn(folder: string): Ipam {
  return { type: "host-local", subnet: "10.0.0.0/8", dataDir: folder };
}

export const STATIC: Ipam = { type: "static", addresses: [{ address: "10.0.0.7/24" }] };
