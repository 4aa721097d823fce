import { join } from "node:path";
import { cniCall, ours, whereaboutsOn } from "./calls.ts";
import { interleave, median } from "./measure.ts";
import { type Filling, openStore, prefill } from "./prefill.ts";
import { acquire, commit, wantOf } from "./wish.ts";

export type SizeRow = Filling & { wall: number; commit: number };

/** What an ADD costs when little or much of the pool is held, or every second address of it. */
export async function measureSizes(
  folder: string,
  sizes: readonly number[],
  runs: number,
): Promise<SizeRow[]> {
  const largest = Math.max(...sizes);
  const rows: SizeRow[] = [];
  for (const range of ["10.0.0.0/8", "fd00::/64"]) {
    const fillings: Filling[] = [
      ...sizes.map((held) => ({ range, held, fragmented: false })),
      { range, held: largest, fragmented: true },
    ];
    const databases = fillings.map((_, index) => join(folder, `size-${rows.length}-${index}.db`));
    for (const [index, filling] of fillings.entries()) await prefill(databases[index] ?? "", filling);
    const programs = databases.map((database) => (run: number) => {
      return cniCall(ours("whereabouts"), "ADD", `new-${run}`, whereaboutsOn(database, range));
    });
    const samples = await interleave(programs, runs, 3);
    const inside = await commitTimes(databases, range, runs);
    for (const [index, filling] of fillings.entries()) {
      const wall = median((samples[index] ?? []).map((sample) => sample.wall));
      rows.push({ ...filling, wall, commit: median(inside[index] ?? []) });
    }
  }
  return rows;
}

/** Milliseconds of one commit in a store that is open already, for each database in turn. */
async function commitTimes(databases: readonly string[], range: string, runs: number): Promise<number[][]> {
  const stores = databases.map(openStore);
  const times: number[][] = stores.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (const [index, store] of stores.entries()) {
      const started = performance.now();
      await commit(store, [acquire(wantOf(range), `inside-${run}`)]);
      times[index]?.push(performance.now() - started);
    }
  }
  for (const store of stores) store.close();
  return times;
}
