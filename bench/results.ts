import type { MemoryRow } from "./agent.ts";
import type { ClusterFigures } from "./cluster.ts";
import { renderCluster } from "./cluster-results.ts";
import { compare, type Ratio } from "./compare.ts";
import type { CrowdRow } from "./crowd.ts";
import { type LookingRow, renderLooking } from "./looking.ts";
import type { RateRow } from "./memory.ts";
import type { SizeRow } from "./pools.ts";
import type { ReconcileRow } from "./reconcile.ts";
import { renderReconcile } from "./reconcile-results.ts";
import { renderSimulation, type SimulationFigures } from "./simulation.ts";
import type { CallRow } from "./single.ts";
import type { SliceFigures } from "./slices.ts";

export type Results = {
  machine: string;
  runs: number;
  crowdSize: number;
  calls: readonly CallRow[];
  crowd: readonly CrowdRow[];
  sizes: readonly SizeRow[];
  memory: readonly RateRow[];
  agent: readonly MemoryRow[];
  cluster: ClusterFigures;
  reconcile: readonly ReconcileRow[];
  looking: readonly LookingRow[];
  slices: SliceFigures;
  simulation: SimulationFigures;
};

const SIZE_GOAL = 1.2;
const RATE_GOAL = 100_000;
/** Berth over its peer. */
const RATIO_GOALS: { readonly [what: string]: number } = {
  "Berth static ADD, wall": 1,
  "Berth whereabouts ADD, SQLite, wall": 0.5,
  "ADD, processes at once, wall": 1,
};
/** MiB. */
const IDLE_GOAL = 45;
/** What the last row may be above the first one after the idle agent. */
const LEAK_GOAL = 1.1;

/** The page bench/RESULTS.md. Who is ahead follows from the figures, not from us. */
export function renderResults(results: Results): string {
  const {
    machine,
    runs,
    crowdSize,
    calls,
    crowd,
    sizes,
    memory,
    agent,
    cluster,
    reconcile,
    looking,
    slices,
    simulation,
  } = results;
  const ratios = compare(calls, crowd);
  return `# Figures

Made by \`make bench\`: ${machine}.
Medians of ${runs} runs, contestants in turn within one run. Absolute figures drift with the machine; compare the ratios.

## One call, whole process
${table(["call", "wall ms", "CPU ms", "peak RSS MiB"], calls.map(callRow))}
A call of Berth is a shim that asks the node's agent; without an agent it starts \`berth cni\`. Berth syncs every address to disk; host-local syncs nothing (seen with strace).

## ${crowdSize} processes at once on one pool
${table(["who", "all ADDs ms", "all DELs ms", "failed", "distinct addresses", "left after the DELs"], crowd.map(crowdRow))}
## Berth against its peers
${table(
  ["what", "peer", "Berth", "peer's", "Berth / peer", "goal"],
  ratios.map((ratio) => [ratio.what, ratio.peer, ...both(ratio), times(ratio), goalOf(ratio)]),
)}
## Where a peer is ahead
${whereBehind(ratios)}
## Fast IPAM: ${slices.adds} ADDs at once over ${slices.nodes} nodes
Agents and controller are real; the API server is the ${slices.kind} one. Goal: 30 times the rate of Go whereabouts with slices on the same
API server (10.3 s on a real one, not measured in this run: 343 ms).

${table(["ADDs", "ms"], sliceRows(slices))}
## Memory of the agent
Goals: idle at most ${IDLE_GOAL} MiB; at the end at most ${LEAK_GOAL} times what it was after the first pairs. Each
four seconds after the last call. A part of it is code from the executable's file, which comes and goes.

${table(
  ["agent", "RSS MiB", "goal"],
  agent.map((row, at) => [row.what, short(row.mib), agentGoal(agent, at)]),
)}
## One whereabouts ADD on SQLite, by what the pool holds
Goal: at most ${SIZE_GOAL} times the empty pool, whatever is held.

${table(
  ["pool", "held", "wall ms", "ratio to empty", "goal", "commit alone ms"],
  sizes.map((row) => sizeRow(row, sizes)),
)}
## In one process, in memory
Goal: at least ${RATE_GOAL.toLocaleString("en")} ADDs a second.

${table(["pool", "held", "ADDs a second", "goal", "DELs a second"], memory.map(rateRow))}
${renderCluster(cluster)}${renderReconcile(reconcile)}${renderLooking(looking)}${renderSimulation(simulation)}`;
}

function callRow({ what, figures }: CallRow): string[] {
  if (!figures) return [what, "not installed", "–", "–"];
  return [what, short(figures.wall), short(figures.cpu), short(figures.peak)];
}

function sliceRows({ adds, cold, warm, alone }: SliceFigures): string[][] {
  const rows = [
    [`${adds} first ones, slices to be asked for`, short(cold)],
    [`${adds} more`, short(warm)],
  ];
  if (!alone) return rows;
  const outage = `${alone.adds} one after the other while the API server is stopped`;
  return [...rows, [`${outage}: median`, short(alone.median)], ["the slowest of these", short(alone.worst)]];
}

function crowdRow({ who, add, del, failed, distinct, left }: CrowdRow): string[] {
  return [who, short(add), short(del), String(failed), String(distinct), String(left)];
}

function goalOf({ what, own, other }: Ratio): string {
  const goal = RATIO_GOALS[what];
  return goal === undefined ? "–" : `${goal}: ${verdict(own <= goal * other)}`;
}

function agentGoal(rows: readonly MemoryRow[], at: number): string {
  const { mib } = rows[at] ?? { mib: Number.NaN };
  if (at === 0) return verdict(mib <= IDLE_GOAL);
  if (at === 1) return "–";
  const ratio = mib / (rows[1]?.mib ?? Number.NaN);
  return `${ratio.toFixed(2)}×: ${verdict(ratio <= LEAK_GOAL)}`;
}

function whereBehind(ratios: readonly Ratio[]): string {
  if (ratios.length === 0) return "No peer is installed here, so there is nothing to compare.\n";
  const behind = ratios.filter(({ own, other }) => own > other);
  if (behind.length === 0) return "Nowhere among what was measured.\n";
  const lines = behind
    .sort((a, b) => b.own / b.other - a.own / a.other)
    .map((ratio) => `- ${ratio.what}: ${ratio.peer} by ${times(ratio)} (${both(ratio).join(" against ")})`);
  return `${lines.join("\n")}\n`;
}

function sizeRow(row: SizeRow, all: readonly SizeRow[]): string[] {
  const empty = all.find(({ range, held }) => range === row.range && held === 0);
  const ratio = row.wall / (empty?.wall ?? Number.NaN);
  const held = `${count(row.held)}${row.fragmented ? ", every second address" : ""}`;
  const goal = row === empty ? "–" : verdict(ratio <= SIZE_GOAL);
  return [row.range, held, short(row.wall), ratio.toFixed(2), goal, row.commit.toFixed(2)];
}

function rateRow({ range, held, add, del }: RateRow): string[] {
  return [range, count(held), count(add), verdict(add >= RATE_GOAL), count(del)];
}

function both({ own, other, unit }: Ratio): string[] {
  return [own, other].map((value) => `${short(value)} ${unit}`);
}

function times({ own, other }: Ratio): string {
  return `${(own / other).toFixed(2)}×`;
}

function verdict(met: boolean): string {
  return met ? "met" : "missed";
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function short(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return `${[line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
