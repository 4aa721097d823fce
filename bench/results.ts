import type { CrowdRow } from "./crowd.ts";
import type { RateRow, SizeRow } from "./pools.ts";

export type CallRow = { what: string; wall: number; cpu: number };

export type Results = {
  machine: string;
  runs: number;
  crowdSize: number;
  calls: readonly CallRow[];
  crowd: readonly CrowdRow[];
  sizes: readonly SizeRow[];
  memory: readonly RateRow[];
};

const PAIRS = [
  ["Berth static ADD", "Go static ADD"],
  ["Berth whereabouts ADD, SQLite", "Go host-local ADD"],
  ["Berth whereabouts DEL, SQLite", "Go host-local DEL"],
] as const;

/** The page bench/RESULTS.md. Who is ahead follows from the figures, not from us. */
export function renderResults(results: Results): string {
  const { machine, runs, crowdSize, calls, crowd, sizes, memory } = results;
  return `# Figures

Made by \`make bench\`: ${machine}. Medians of ${runs} runs, contestants in turn within one run. Absolute figures drift with the
machine; compare the ratios.

## One call, whole process
${table(
  ["call", "wall ms", "CPU ms"],
  calls.map((row) => [row.what, ms(row.wall), ms(row.cpu)]),
)}
Berth is started anew for each call here, without an agent.

## Berth against its peers
${table(
  ["Berth", "peer", "wall, Berth / peer", "ahead"],
  PAIRS.flatMap(([own, peer]) => ratioRow(calls, own, peer)),
)}
## ${crowdSize} processes at once on one pool
${table(
  ["who", "all ADDs ms", "all DELs ms", "failed", "distinct addresses", "left after the DELs"],
  crowd.map((row) => [
    row.who,
    ms(row.add),
    ms(row.del),
    String(row.failed),
    String(row.distinct),
    String(row.left),
  ]),
)}
## One whereabouts ADD on SQLite, by what the pool holds
${table(
  ["pool", "held", "wall ms", "ratio to empty", "commit alone ms"],
  sizes.map((row) => sizeRow(row, sizes)),
)}
## In one process, in memory
${table(
  ["what", "a second"],
  memory.map(({ what, perSecond }) => [what, Math.round(perSecond).toLocaleString("en")]),
)}`;
}

function ratioRow(calls: readonly CallRow[], own: string, peer: string): string[][] {
  const [mine, other] = [own, peer].map((name) => calls.find(({ what }) => what === name));
  if (!mine || !other) return [[own, peer, "peer not installed", "–"]];
  const ratio = mine.wall / other.wall;
  return [[own, peer, ratio.toFixed(2), ratio < 1 ? "Berth" : peer]];
}

function sizeRow(row: SizeRow, all: readonly SizeRow[]): string[] {
  const empty = all.find(({ range, held }) => range === row.range && held === 0);
  const held = row.held.toLocaleString("en");
  return [
    row.range,
    row.fragmented ? `every second of ${held}` : held,
    ms(row.wall),
    empty ? (row.wall / empty.wall).toFixed(2) : "–",
    row.commit.toFixed(2),
  ];
}

function ms(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return `${[line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
