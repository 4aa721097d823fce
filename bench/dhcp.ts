import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Capture } from "../test/dhcp/capture.ts";
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
  rounds: number,
  withPeer: boolean,
): Promise<DhcpRow[]> {
  const rows: DhcpRow[] = [];
  for (const size of sizes) {
    const results = new Map<string, DhcpRow[]>();
    for (let round = 0; round < rounds; round++) {
      for (const contestant of withPeer ? [BERTH, GO] : [BERTH]) {
        results.set(contestant.who, [...(results.get(contestant.who) ?? []), await crowd(contestant, size)]);
      }
    }
    for (const all of results.values()) rows.push(...medianOf(all));
  }
  return rows;
}

/** The round with the median wall time stands for all; failures and leases left are the worst. */
function medianOf(rows: readonly DhcpRow[]): DhcpRow[] {
  const middle = [...rows].sort((a, b) => a.add - b.add)[rows.length >> 1];
  if (middle === undefined) return [];
  const worst = (pick: (row: DhcpRow) => number) => Math.max(...rows.map(pick));
  return [{ ...middle, failed: worst(({ failed }) => failed), left: worst(({ left }) => left) }];
}

async function crowd({ who, command, start }: Contestant, size: number): Promise<DhcpRow> {
  const lab = new DhcpLab();
  try {
    const server = await dnsmasq(lab);
    const pods = attachAll(lab, size);
    const pid = await start(lab);
    const idle = processFigures(pid);
    const all = async (verb: string) => {
      const started = performance.now();
      const samples = await Promise.all(
        pods.map((pod, index) => measure(pluginCall(command, lab, verb, `c${index}`, pathOf(pod), "net1"))),
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

function attachAll(lab: DhcpLab, size: number): string[] {
  return Array.from({ length: size }, (_, index) => lab.plug(`p${index}`));
}

export type HoldingFigures = {
  size: number;
  idle: ReturnType<typeof processFigures>;
  holding: ReturnType<typeof processFigures>;
  failed: number;
  left: number;
};

/** Many leases in one daemon: interfaces of one namespace on a macvlan, asked for by a few callers at a time. */
export async function measureHolding(size: number, callers: number): Promise<HoldingFigures> {
  const lab = new DhcpLab();
  try {
    const server = await dnsmasq(lab);
    const pod = lab.pod("many");
    const batch = async (namespace: string, line: (index: number) => string) => {
      await Bun.write(
        lab.file("batch"),
        Array.from({ length: size }, (_, index) => `${line(index)}\n`).join(""),
      );
      ip("-n", namespace, "-batch", lab.file("batch"));
    };
    await batch(
      lab.node,
      (index) => `link add link uplink name m${index} netns ${pod} type macvlan mode private`,
    );
    await batch(pod, (index) => `link set m${index} up`);
    const pid = await BERTH.start(lab);
    const idle = processFigures(pid);
    const all = async (verb: string) => {
      let next = 0;
      let failed = 0;
      const caller = async () => {
        while (next < size) {
          const index = next++;
          const sample = await measure(
            pluginCall(BERTH.command, lab, verb, `c${index}`, pathOf(pod), `m${index}`),
          );
          if (sample.exit !== 0) failed++;
        }
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return failed;
    };
    const failedAdds = await all("ADD");
    await Bun.sleep(SETTLED);
    const holding = processFigures(pid);
    const failed = failedAdds + (await all("DEL"));
    return { size, idle, holding, failed, left: await leftAfterASecond(server) };
  } finally {
    await lab.dispose();
  }
}

/** Frames of one renewal, all kinds together. */
export async function measureRenewal(renewals: number): Promise<number> {
  const lab = new DhcpLab();
  try {
    const server = await dnsmasq(lab, { extra: ["--dhcp-option=58,3"] });
    await BERTH.start(lab);
    // With a main plugin, which sets the address: dnsmasq answers a renewal there.
    const added = await lab.attach("ADD", "p");
    if (added.exit !== 0) throw new Error(`no lease to renew: ${added.stdout}`);
    const wire = new Capture(server.namespace, "eth0");
    while (wire.count("ACK") < renewals) await Bun.sleep(20);
    wire.close();
    return wire.seen.length / renewals;
  } finally {
    await lab.dispose();
  }
}

/** Memory is looked at so long after the last call; milliseconds. */
const SETTLED = 1_000;

function pluginCall(command: string, lab: DhcpLab, verb: string, id: string, netns: string, ifname: string) {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: id,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: "/usr/lib/cni",
    CNI_ARGS: `K8S_POD_NAMESPACE=bench;K8S_POD_NAME=${id}`,
    BERTH_SOCKET: lab.socket, // the node's agent and the daemon speak the same protocol
    BERTH_STATE_DIR: lab.file("state"),
  };
  const ipam = { type: "dhcp", daemonSocketPath: lab.socket };
  return { command: [command], env, stdin: JSON.stringify({ cniVersion: "1.0.0", name: "bench", ipam }) };
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
