import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DhcpLab } from "../test/dhcp/lab.ts";
import { dnsmasq, type Server } from "../test/dhcp/servers.ts";
import { ip, pathOf } from "../test/dhcp/wire.ts";
import { ours, theirs } from "./calls.ts";
import { measure, median } from "./measure.ts";

/** Figures of one crowd: times in milliseconds, memory in MiB. */
export type DhcpRow = {
  who: string;
  size: number;
  add: number;
  p50: number;
  del: number;
  failed: number;
  idle: number;
  holding: number;
  threads: readonly [idle: number, holding: number];
  descriptors: readonly [idle: number, holding: number];
  /** Leases that the server still has one second after the last DEL. */
  left: number;
};

type Contestant = {
  who: string;
  command: string;
  start: (lab: DhcpLab) => Promise<number>;
};

const BERTH: Contestant = {
  who: "Berth",
  command: ours("dhcp"),
  start: async (lab) => {
    await lab.daemon("-log-level", "error");
    return lab.daemonPid;
  },
};

const GO: Contestant = {
  who: "Go dhcp daemon",
  command: theirs("dhcp"),
  start: async (lab) => {
    const child = lab.run(lab.node, [theirs("dhcp"), "daemon", "-socketpath", lab.socket], "go.log");
    while (!readdirSync(lab.folder).includes("dhcp.sock")) await Bun.sleep(10);
    return child.pid;
  },
};

/** Crowds of interfaces that all want a lease of dnsmasq at once, by Berth and by the Go daemon in turn. */
export async function measureDhcp(
  sizes: readonly number[],
  withPeer: boolean,
  only = false,
): Promise<DhcpRow[]> {
  const rows: DhcpRow[] = [];
  for (const size of sizes) {
    for (const contestant of withPeer && !only ? [BERTH, GO] : [BERTH])
      rows.push(await crowd(contestant, size));
  }
  return rows;
}

async function crowd({ who, command, start }: Contestant, size: number): Promise<DhcpRow> {
  const lab = new DhcpLab();
  try {
    const server = await dnsmasq(lab);
    const pods = attachAll(lab, size);
    const pid = await start(lab);
    const idle = processFigures(pid);
    const config = JSON.stringify({
      cniVersion: "1.0.0",
      name: "bench",
      ipam: { type: "dhcp", daemonSocketPath: lab.socket },
    });
    const all = async (verb: string) => {
      const started = performance.now();
      const samples = await Promise.all(
        pods.map((pod, index) => {
          const env = {
            CNI_COMMAND: verb,
            CNI_CONTAINERID: `c${index}`,
            CNI_NETNS: pathOf(pod),
            CNI_IFNAME: "net1",
            CNI_PATH: "/usr/lib/cni",
            CNI_ARGS: `K8S_POD_NAMESPACE=bench;K8S_POD_NAME=p${index}`,
            BERTH_SOCKET: lab.socket, // the node's agent and the daemon speak the same protocol
            BERTH_STATE_DIR: lab.file("state"),
          };
          return measure({ command: [command], env, stdin: config });
        }),
      );
      const failed = samples.filter(({ exit }) => exit !== 0).length;
      return { wall: performance.now() - started, failed, p50: median(samples.map(({ wall }) => wall)) };
    };
    const adding = await all("ADD");
    const holding = processFigures(pid);
    const deleting = await all("DEL");
    const left = await leftAfterASecond(server);
    return {
      who,
      size,
      add: adding.wall,
      p50: adding.p50,
      del: deleting.wall,
      failed: adding.failed + deleting.failed,
      idle: idle.memory,
      holding: holding.memory,
      threads: [idle.threads, holding.threads],
      descriptors: [idle.descriptors, holding.descriptors],
      left,
    };
  } finally {
    await lab.dispose();
  }
}

/** Namespaces with an interface net1 on the network, made in few calls. */
function attachAll(lab: DhcpLab, size: number): string[] {
  return Array.from({ length: size }, (_, index) => {
    const pod = lab.pod(`p${index}`);
    const port = `p${index}`;
    ip("-n", lab.node, "link", "add", port, "type", "veth", "peer", "name", "net1", "netns", pod);
    ip("-n", lab.node, "link", "set", port, "master", "br0", "up");
    ip("-n", pod, "link", "set", "net1", "up");
    return pod;
  });
}

async function leftAfterASecond(server: Server): Promise<number> {
  await Bun.sleep(1_000);
  return server.held().length;
}

function processFigures(pid: number): { memory: number; threads: number; descriptors: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  const descriptors = readdirSync(join("/proc", String(pid), "fd")).length;
  return { memory: read("VmRSS") / 1024, threads: read("Threads"), descriptors };
}
