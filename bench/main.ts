/**
 * `make bench`: measures Berth and the installed peers in one run, interleaved, and writes bench/RESULTS.md with
 * medians and ratios. Nothing is left behind.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchAgent, measureAgentMemory } from "./agent.ts";
import { theirs } from "./calls.ts";
import { measureCluster } from "./cluster.ts";
import { measureCrowd } from "./crowd.ts";
import { measureLooking } from "./looking.ts";
import { describeMachine } from "./machine.ts";
import { measureMemory } from "./memory.ts";
import { measureSizes } from "./pools.ts";
import { measureReconcile } from "./reconcile.ts";
import { renderResults } from "./results.ts";
import { measureSimulation } from "./simulation.ts";
import { measureCalls } from "./single.ts";
import { measureSlices } from "./slices.ts";

const RUNS = 40;
const SIZES = [0, 10_000, 1_000_000];
const HELD_IN_MEMORY = 1_000_000;
const MEMORY_CALLS = 100_000;
const CROWD = 200;
const ROUNDS = 3;
const PAIRS = [1_000, 100_000];

const progress = (text: string) => process.stderr.write(`bench: ${text}\n`);

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
  const node = await BenchAgent.start(folder);
  try {
    progress(`one call, ${RUNS} times each`);
    const calls = await measureCalls(folder, RUNS, node.socket);
    progress(`${CROWD} processes at once, ${ROUNDS} rounds`);
    const crowd = await measureCrowd(folder, CROWD, ROUNDS, existsSync(theirs("host-local")), node.socket);
    await node.stop();
    progress(`memory of the agent, ${PAIRS.join(" and ")} pairs of ADD and DEL`);
    const agent = await measureAgentMemory(folder, PAIRS);
    progress("crowds on a cluster");
    const cluster = await measureCluster(folder, progress);
    progress(`pools with ${SIZES.join(", ")} addresses held`);
    const sizes = await measureSizes(folder, SIZES, RUNS);
    progress("reconciling a large cluster");
    const reconcile = await measureReconcile(folder);
    progress("looking at a large cluster");
    const looking = await measureLooking();
    progress("node slices, and an API server that is away for 30 s");
    const slices = await measureSlices();
    progress("allocation in memory");
    const memory = await measureMemory(HELD_IN_MEMORY, MEMORY_CALLS);
    progress("the simulation: a campaign, and large clusters");
    const simulation = await measureSimulation();
    const machine = describeMachine();
    const figures = { calls, crowd, sizes, memory, agent, cluster, reconcile, looking, slices, simulation };
    const text = renderResults({ machine, runs: RUNS, crowdSize: CROWD, ...figures });
    writeFileSync(join(import.meta.dir, "RESULTS.md"), text);
    process.stdout.write(text);
  } finally {
    await node.stop(); // again: an error may have come before
    rmSync(folder, { recursive: true });
  }
}

main().catch((error: unknown) => {
  progress(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
