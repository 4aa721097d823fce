import { join } from "node:path";
import { spawnServer } from "./cluster-server.ts";
import { interleave, median } from "./measure.ts";
import { table } from "./results.ts";

export type LookingRow = { readonly what: string; readonly wall: number; readonly cpu: number };

const ALLOCATIONS = 100_000;
const POOLS = 100;
const RUNS = 10;
const WARM_UP = 1;
/** Milliseconds for `berth show ADDRESS`. */
const GOAL = 100;
const COMMANDS: readonly (readonly string[])[] = [
  ["version"],
  ["show", "10.42.1.17"],
  ["history", "10.42.1.17"],
  ["pools"],
];

/** What a person waits for a look at a large cluster, each a process of its own. Only `show` has a goal. */
export async function measureLooking(): Promise<LookingRow[]> {
  const berth = join(import.meta.dir, "../dist/berth");
  const sizes = [0, POOLS, ALLOCATIONS].map(String);
  const { child: server, lines } = spawnServer("reconcile-server.ts", sizes);
  try {
    const kubeconfig = String((await lines.next()).value);
    const programs = COMMANDS.map(([name = "", ...more]) => {
      const where = name === "version" ? [] : ["--kubeconfig", kubeconfig];
      return () => ({ command: [berth, name, ...more, ...where] });
    });
    const samples = await interleave(programs, RUNS, WARM_UP);
    return COMMANDS.map((command, at) => {
      const own = samples[at] ?? [];
      const wall = median(own.map((sample) => sample.wall));
      return { what: `berth ${command.join(" ")}`, wall, cpu: median(own.map(({ cpu }) => cpu)) };
    });
  } finally {
    server.stdin.end();
    await server.exited;
  }
}

/** The part of the page about looking. */
export function renderLooking(rows: readonly LookingRow[]): string {
  const goal = ({ what, wall }: LookingRow) =>
    what.startsWith("berth show") ? (wall <= GOAL ? "met" : "missed") : "–";
  return `## Looking at ${ALLOCATIONS.toLocaleString("en")} allocations in ${POOLS} pools
Each a process of its own, from its start to its end; the first row is what any command takes. Goal: \`berth show ADDRESS\` within ${GOAL} ms. API server: the double of
test/apiserver in a process of its own (no etcd, no TLS).

${table(
  ["command", "wall ms", "CPU ms", "goal"],
  rows.map((row) => [row.what, String(Math.round(row.wall)), String(Math.round(row.cpu)), goal(row)]),
)}`;
}

if (import.meta.main) process.stdout.write(renderLooking(await measureLooking()));
