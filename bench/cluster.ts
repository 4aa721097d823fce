import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BenchAgent } from "./agent.ts";
import { cniCall, ours } from "./calls.ts";
import { ClusterServer } from "./cluster-server.ts";
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

/** Real plugins, real agents, one process each; the API server in another. */
export async function measureCluster(
  folder: string,
  progress: (text: string) => void,
): Promise<ClusterFigures> {
  const server = await ClusterServer.start();
  const rows: ClusterRow[] = [];
  let net = 0;
  try {
    for (const count of AGENTS) {
      const agents = await Promise.all(
        Array.from({ length: count }, (_, index) => startAgent(folder, `node-${count}-${index}`)),
      );
      const run = async (what: string, adds: number, prefill?: (range: string) => Promise<void>) => {
        const range = `10.${++net}.0.0/16`;
        await prefill?.(range);
        for (const agent of agents) await agent.quiet();
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
        if (count > 1) continue;
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
  server: ClusterServer;
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

function startAgent(folder: string, node: string): Promise<BenchAgent> {
  const own = join(folder, node);
  mkdirSync(own);
  return BenchAgent.start(own, node);
}
