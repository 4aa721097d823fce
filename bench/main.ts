/**
 * `make bench`: measures Berth and the installed peers in one run, interleaved, and writes bench/RESULTS.md with
 * medians and ratios. Nothing is left behind.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { cniCall, hostLocalOn, ours, STATIC, theirs, whereaboutsOn } from "./calls.ts";
import { measureCrowd } from "./crowd.ts";
import { interleave, median, type Program, type Sample } from "./measure.ts";
import { measureMemory, measureSizes } from "./pools.ts";
import { type CallRow, renderResults } from "./results.ts";

const RUNS = 40;
const SIZES = [0, 10_000, 1_000_000];
const MEMORY_CALLS = 100_000;
const CROWD = 200;
const ROUNDS = 3;

const progress = (text: string) => process.stderr.write(`bench: ${text}\n`);

async function measureCalls(folder: string): Promise<CallRow[]> {
  const ipam = whereaboutsOn(join(folder, "calls.db"), "10.0.0.0/8");
  const hostLocal = hostLocalOn(join(folder, "host-local"));
  const programs: [string, (run: number) => Program][] = [
    ["/bin/true", () => ({ command: ["/bin/true"] })],
    ["Berth VERSION (start-up alone)", () => cniCall(ours("static"), "VERSION", "c", STATIC)],
    ["Berth static ADD", () => cniCall(ours("static"), "ADD", "c", STATIC)],
    ["Berth whereabouts ADD, SQLite", (run) => cniCall(ours("whereabouts"), "ADD", `c${run}`, ipam)],
    ["Berth whereabouts DEL, SQLite", (run) => cniCall(ours("whereabouts"), "DEL", `c${run}`, ipam)],
  ];
  for (const [plugin, config] of [
    ["static", STATIC],
    ["host-local", hostLocal],
  ] as const) {
    if (!existsSync(theirs(plugin))) continue;
    programs.push([`Go ${plugin} ADD`, (run) => cniCall(theirs(plugin), "ADD", `c${run}`, config)]);
    if (plugin === "host-local") {
      programs.push(["Go host-local DEL", (run) => cniCall(theirs(plugin), "DEL", `c${run}`, config)]);
    }
  }
  const samples = await interleave(
    programs.map(([, program]) => program),
    RUNS,
    5,
  );
  return programs.map(([what], index) => {
    const of = (key: keyof Sample) => median((samples[index] ?? []).map((sample) => sample[key]));
    return { what, wall: of("wall"), cpu: of("cpu") };
  });
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
  try {
    progress(`one call, ${RUNS} times each`);
    const calls = await measureCalls(folder);
    progress(`${CROWD} processes at once, ${ROUNDS} rounds`);
    const crowd = await measureCrowd(folder, CROWD, ROUNDS, existsSync(theirs("host-local")));
    progress(`pools with ${SIZES.join(", ")} addresses held`);
    const sizes = await measureSizes(folder, SIZES, RUNS);
    progress("allocation in memory");
    const memory = await measureMemory(1_000_000, MEMORY_CALLS);
    const machine = `${cpus().length} cores, ${arch()}, Linux ${release()}, Bun ${Bun.version}`;
    const text = renderResults({ machine, runs: RUNS, crowdSize: CROWD, calls, crowd, sizes, memory });
    writeFileSync(join(import.meta.dir, "RESULTS.md"), text);
    process.stdout.write(text);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

main().catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
