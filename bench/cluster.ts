import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../src/agent/ask.ts";
import { systemClock } from "../src/clock.ts";
import { formatAddress } from "../src/ip/address.ts";
import { parseCidr } from "../src/ip/cidr.ts";
import { connect } from "../src/kube/connect.ts";
import { loadKubeconfig } from "../src/kube/kubeconfig.ts";
import { poolName, reservationName } from "../src/kube/names.ts";
import { apiVersionOf, IP_POOLS, type IPAllocation, RESERVATIONS } from "../src/kube/objects.ts";
import { addressAt } from "../src/store/kubernetes/entry.ts";
import { KubernetesStore } from "../src/store/kubernetes/kubernetes.ts";
import { cniCall, ours } from "./calls.ts";
import { measure } from "./measure.ts";

/** One crowd of ADDs on a pool of a cluster, and its DELs. Times in milliseconds for all of them. */
export type ClusterRow = {
  readonly what: string;
  readonly agents: number;
  readonly adds: number;
  readonly add: number;
  readonly del: number;
  readonly failed: number;
  readonly distinct: number;
  readonly left: number;
  /** API calls of one ADD; only the double counts. */
  readonly writes?: number;
  readonly reads?: number;
};

export type ClusterFigures = { readonly kind: "double" | "real"; readonly rows: readonly ClusterRow[] };

const CROWDS = [10, 50, 100, 200];
const AGENTS = [1, 10];
const HELD = 5_000;
const OVERLAPPING = 1_000;
const NAMESPACE = "kube-system";
const BERTH = join(import.meta.dir, "../dist/berth");

/** Real plugins, real agents, one process each; the API server in another. */
export async function measureCluster(
  folder: string,
  progress: (text: string) => void,
): Promise<ClusterFigures> {
  const server = await Server.start();
  const rows: ClusterRow[] = [];
  let net = 0;
  try {
    for (const count of AGENTS) {
      const agents = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          startAgent(join(folder, `agent-${count}-${index}`), index),
        ),
      );
      const run = async (what: string, adds: number, prefill?: (range: string) => Promise<void>) => {
        const range = `10.${++net}.0.0/16`;
        await prefill?.(range);
        const row = await crowd({ what, adds, range, agents, server });
        progress(`${count} agents, ${what}: ${adds} ADDs in ${Math.round(row.add)} ms`);
        rows.push(row);
      };
      try {
        await run("warm-up", 10 * count);
        rows.pop();
        for (const adds of CROWDS) await run("empty pool", adds);
        const held = (range: string) => server.hold(range, HELD);
        await run(`pool that holds ${HELD.toLocaleString("en")}`, 200, held);
        const reserved = (range: string) => server.reserve(range, OVERLAPPING);
        await run(`${OVERLAPPING.toLocaleString("en")} addresses held by an overlapping pool`, 200, reserved);
      } finally {
        await Promise.all(agents.map((agent) => agent.stop()));
      }
    }
    return { kind: server.kind, rows };
  } finally {
    await server.stop();
  }
}

type Crowd = {
  what: string;
  adds: number;
  range: string;
  agents: readonly BenchAgent[];
  server: Server;
};

async function crowd({ what, adds, range, agents, server }: Crowd): Promise<ClusterRow> {
  const ids = Array.from({ length: adds }, (_, index) => `${range.split(".")[1]}-${index}`);
  const ipam = { type: "whereabouts", range, kubernetes: { kubeconfig: server.kubeconfig } };
  const before = await server.held(range);
  const all = async (verb: string) => {
    const started = performance.now();
    const samples = await Promise.all(
      ids.map((id, index) => {
        const call = cniCall(ours("whereabouts"), verb, id, ipam);
        const BERTH_SOCKET = agents[index % agents.length]?.socket ?? "";
        return measure({ ...call, env: { ...call.env, BERTH_SOCKET } });
      }),
    );
    return { wall: performance.now() - started, failed: samples.filter(({ exit }) => exit !== 0).length };
  };
  await server.counts();
  const adding = await all("ADD");
  const counts = await server.counts();
  const distinct = new Set(await server.held(range)).size - before.length;
  const deleting = await all("DEL");
  const left = (await server.held(range)).length - before.length;
  return {
    what,
    agents: agents.length,
    adds,
    add: adding.wall,
    del: deleting.wall,
    failed: adding.failed + deleting.failed,
    distinct,
    left,
    ...(counts.writes !== undefined && { writes: counts.writes / adds }),
    ...(counts.reads !== undefined && { reads: counts.reads / adds }),
  };
}

type BenchAgent = { readonly socket: string; stop(): Promise<unknown> };

async function startAgent(folder: string, index: number): Promise<BenchAgent> {
  mkdirSync(folder, { recursive: true });
  const socket = join(folder, "agent.sock");
  const args = ["--socket", socket, "--state-dir", join(folder, "state"), "--metrics-address", "off"];
  const child = Bun.spawn([BERTH, "agent", ...args], {
    env: { PATH: process.env.PATH, NODENAME: `node-${index}` },
    stdout: "ignore",
    stderr: "ignore",
  });
  const status = { plugin: "status", env: {}, stdin: "", timeout: 1_000 };
  while (!(await ask(socket, status)).ok) {
    if (child.exitCode !== null) throw new Error(`berth agent ended with ${child.exitCode}`);
    await Bun.sleep(10);
  }
  return {
    socket,
    stop: () => {
      child.kill();
      return child.exited;
    },
  };
}

/** The API server of `apiserver.ts`, and what the benchmark does to it directly. */
class Server {
  readonly kind: "double" | "real";
  readonly kubeconfig: string;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  static async start(): Promise<Server> {
    const child = Bun.spawn(["bun", join(import.meta.dir, "apiserver.ts")], {
      env: { ...process.env, PATH: `${join(import.meta.dir, "../node_modules/.bin")}:${process.env.PATH}` },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = linesOf(child.stdout);
    const first = await lines.next();
    if (first.done) throw new Error("the API server has not started");
    return new Server(child, lines, JSON.parse(first.value));
  }

  private constructor(
    child: Bun.Subprocess<"pipe", "pipe", "inherit">,
    lines: AsyncIterator<string>,
    { kind, kubeconfigPath }: { kind: "double" | "real"; kubeconfigPath: string },
  ) {
    this.#child = child;
    this.#lines = lines;
    this.kind = kind;
    this.kubeconfig = kubeconfigPath;
  }

  async counts(): Promise<{ reads?: number; writes?: number }> {
    this.#child.stdin.write("counts\n");
    this.#child.stdin.flush();
    const line = await this.#lines.next();
    return line.done ? {} : JSON.parse(line.value);
  }

  /** A pool object that holds so many addresses, with their reservations. */
  async hold(range: string, count: number): Promise<void> {
    const client = this.#client();
    const made = await client.create(IP_POOLS, {
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name: poolName(poolOf(range)), namespace: NAMESPACE },
      spec: { range, allocations: Object.fromEntries(offsets(count).map((at) => [String(at), holder(at)])) },
    });
    if (!made.ok) throw new Error(made.error.message);
    client.close();
    await this.reserve(range, count);
  }

  /** Only the reservations: another pool of the realm holds those addresses. */
  async reserve(range: string, count: number): Promise<void> {
    const client = this.#client();
    const pool = poolOf(range);
    for (let from = 1; from <= count; from += 100) {
      const answers = await Promise.all(
        offsets(Math.min(100, count - from + 1), from).map((at) => {
          const address = addressAt(pool, String(at));
          if (!address) throw new Error(`${range} has no offset ${at}`);
          const { podref, ifname = "" } = holder(at);
          return client.create(RESERVATIONS, {
            apiVersion: apiVersionOf(RESERVATIONS),
            kind: RESERVATIONS.kind,
            metadata: { name: reservationName("", address), namespace: NAMESPACE },
            spec: { podref, ifname },
          });
        }),
      );
      for (const answer of answers) if (!answer.ok) throw new Error(answer.error.message);
    }
    client.close();
  }

  /** The addresses that the pool of a range holds. */
  async held(range: string): Promise<string[]> {
    const store = new KubernetesStore(this.#client(), {
      clock: systemClock,
      log: () => undefined,
      patience: 10_000,
      staying: false,
    });
    const claims = await store.claims({});
    store.close();
    if (!claims.ok) throw new Error(claims.error.message);
    const name = poolName(poolOf(range));
    return claims.value
      .filter(({ pool }) => poolName(pool) === name)
      .map(({ address }) => formatAddress(address));
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#child.exited;
  }

  #client() {
    const connection = loadKubeconfig(this.kubeconfig, { clock: systemClock });
    if (!connection.ok) throw new Error(connection.error.message);
    return connect(connection.value, systemClock);
  }
}

function poolOf(range: string) {
  const parsed = parseCidr(range);
  if (!parsed.ok) throw new Error(parsed.error.hint);
  return { networkName: "", range: parsed.value };
}

function offsets(count: number, from = 1): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

function holder(at: number): IPAllocation {
  return { id: `held-${at}`, podref: `bench/held-${at}`, ifname: "net1" };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
  }
}
