import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchAgent } from "./agent.ts";
import { cniCall, goWhereabouts, type Ipam, ours } from "./calls.ts";
import { ClusterServer } from "./cluster-server.ts";
import { measure, type Program } from "./measure.ts";

/** One crowd of ADDs on a pool of a cluster, and its DELs. Times in milliseconds for all of them. */
export type ClusterRow = {
  readonly what: string;
  /** None: Go whereabouts, whose processes bear the names of ten nodes. */
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

/** What the pool of a crowd is called that holds nothing before; its rows are compared with those of Go whereabouts. */
export const EMPTY = "empty pool";

const CROWDS = [10, 50, 100, 200];
const GO_NODES = 10;
const AGENTS = [1, 10];
const HELD = 5_000;
const OVERLAPPING = 1_000;
/** Milliseconds in which a DEL that the journal has taken over is to be done. */
const SETTLING = 20_000;

/** Real plugins, real agents, one process each; the API server in another. Go whereabouts on the same server, where there is one. */
export async function measureCluster(
  folder: string,
  progress: (text: string) => void,
): Promise<ClusterFigures> {
  const server = await ClusterServer.start();
  const rows: ClusterRow[] = [];
  let net = 0;
  const run = async (what: string, adds: number, callers: Callers, prefill?: Prefill) => {
    const range = `10.${++net}.0.0/16`;
    await prefill?.(range);
    await callers.quiet();
    const row = await crowd({ what, adds, range, callers, server });
    progress(`${callers.name}, ${what}: ${adds} ADDs in ${Math.round(row.add)} ms`);
    return row;
  };
  try {
    for (const count of AGENTS) {
      const agents = await startAgents(folder, count);
      const callers = shims(agents);
      try {
        await run("warm-up", 10 * count, callers);
        for (const adds of CROWDS) rows.push(await run(EMPTY, adds, callers));
        const held = (range: string) => server.hold(range, HELD);
        rows.push(await run(`pool that holds ${HELD.toLocaleString("en")}`, 200, callers, held));
        if (count > 1) continue;
        const reserved = (range: string) => server.reserve(range, OVERLAPPING);
        const overlapping = `${OVERLAPPING.toLocaleString("en")} addresses held by an overlapping pool`;
        rows.push(await run(overlapping, 200, callers, reserved));
      } finally {
        await Promise.all(agents.map((agent) => agent.stop()));
      }
    }
    const peer = goWhereabouts();
    if (peer === undefined) return { kind: server.kind, rows };
    const go = goProcesses(peer, folder, server.kubeconfig);
    for (const adds of CROWDS) rows.push(await run(EMPTY, adds, go));
    return { kind: server.kind, rows };
  } finally {
    await server.stop();
  }
}

type Prefill = (range: string) => Promise<void>;

/** Those whose processes make a crowd. */
type Callers = {
  readonly name: string;
  readonly agents: number;
  /** The process of one call; `index` says which of the crowd it is. */
  call(index: number, verb: string, id: string, ipam: Ipam): Program;
  /** Waits until nothing works off what happened before. */
  quiet(): Promise<void>;
};

function shims(agents: readonly BenchAgent[]): Callers {
  return {
    name: agents.length === 1 ? "1 agent" : `${agents.length} agents`,
    agents: agents.length,
    call: (index, verb, id, ipam) =>
      cniCall(ours("whereabouts"), verb, id, ipam, agents[index % agents.length]?.socket),
    quiet: async () => {
      for (const agent of agents) await agent.quiet();
    },
  };
}

/** It wants its flat file, whatever the network says. */
function goProcesses(path: string, folder: string, kubeconfig: string): Callers {
  const configuration = join(folder, "whereabouts.conf");
  writeFileSync(configuration, JSON.stringify({ datastore: "kubernetes", kubernetes: { kubeconfig } }));
  return {
    name: "Go whereabouts",
    agents: 0,
    call: (index, verb, id, ipam) => {
      const call = cniCall(path, verb, id, { ...ipam, configuration_path: configuration });
      return { ...call, env: { ...call.env, NODENAME: `node-${index % GO_NODES}` } };
    },
    quiet: () => Promise.resolve(),
  };
}

type Crowd = {
  what: string;
  adds: number;
  range: string;
  callers: Callers;
  server: ClusterServer;
};

async function crowd({ what, adds, range, callers, server }: Crowd): Promise<ClusterRow> {
  const ids = Array.from({ length: adds }, (_, index) => `${range.split(".")[1]}-${index}`);
  const ipam = { type: "whereabouts", range, kubernetes: { kubeconfig: server.kubeconfig } };
  const before = await server.held(range);
  const all = async (verb: string) => {
    const started = performance.now();
    const samples = await Promise.all(ids.map((id, index) => measure(callers.call(index, verb, id, ipam))));
    return { wall: performance.now() - started, failed: samples.filter(({ exit }) => exit !== 0).length };
  };
  await server.counts();
  const adding = await all("ADD");
  const counts = await server.counts();
  const distinct = new Set(await server.held(range)).size - before.length;
  const deleting = await all("DEL");
  const left = await leftAfter(server, range, before.length);
  return {
    what,
    agents: callers.agents,
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

/** What is left once DELs that were answered from the journal had the time to be carried out, too. */
async function leftAfter(server: ClusterServer, range: string, before: number): Promise<number> {
  const deadline = performance.now() + SETTLING;
  for (;;) {
    const left = (await server.held(range)).length - before;
    if (left === 0 || performance.now() > deadline) return left;
    await Bun.sleep(250);
  }
}

/** All or none: one that does not start must not leave the others behind. */
async function startAgents(folder: string, count: number): Promise<BenchAgent[]> {
  const starting = Array.from({ length: count }, (_, index) => startAgent(folder, `node-${count}-${index}`));
  const started = await Promise.allSettled(starting);
  const agents = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (agents.length === count) return agents;
  await Promise.all(agents.map((agent) => agent.stop()));
  throw started.find((one) => one.status === "rejected")?.reason;
}

function startAgent(folder: string, node: string): Promise<BenchAgent> {
  const own = join(folder, node);
  mkdirSync(own);
  return BenchAgent.start(own, node);
}
