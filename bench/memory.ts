import { MemoryStore } from "../src/store/memory/memory.ts";
import { median } from "./measure.ts";
import { acquire, commit, wantOf } from "./wish.ts";

const BATCH = 10_000;
const ROUNDS = 5;

export type RateRow = { range: string; held: number; add: number; del: number };

/**
 * Allocations and releases a second in memory, one commit each. Every round frees what it took, so that all of
 * them meet the same pool.
 */
export async function measureMemory(held: number, count: number): Promise<RateRow[]> {
  const rows: RateRow[] = [];
  for (const range of ["10.0.0.0/8", "fd00::/64"]) {
    // The rate of a process that has run for a while: what its compilers do at first is not the first row's alone.
    const warmUp = new MemoryStore();
    await rates(warmUp, range, count);
    warmUp.close();
    for (const before of [0, held]) {
      const store = new MemoryStore();
      await fill(store, range, before);
      rows.push({ range, held: before, ...(await rates(store, range, count)) });
      store.close();
    }
  }
  return rows;
}

async function fill(store: MemoryStore, range: string, count: number): Promise<void> {
  const want = wantOf(range);
  for (let done = 0; done < count; done += BATCH) {
    const size = Math.min(BATCH, count - done);
    await commit(
      store,
      Array.from({ length: size }, (_, index) => acquire(want, `held-${done + index}`)),
    );
  }
}

async function rates(
  store: MemoryStore,
  range: string,
  count: number,
): Promise<{ add: number; del: number }> {
  const want = wantOf(range);
  const names = Array.from({ length: count }, (_, index) => `new-${index}`);
  const adds: number[] = [];
  const dels: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // The litter of filling and of the round before is not this round's.
    Bun.gc(true);
    const adding = await timed(async () => {
      for (const name of names) await commit(store, [acquire(want, name)]);
    });
    const freeing = await timed(async () => {
      for (const sandbox of names) await commit(store, [{ kind: "release", sandbox, ifname: "net1" }]);
    });
    adds.push((count / adding) * 1000);
    dels.push((count / freeing) * 1000);
  }
  return { add: median(adds), del: median(dels) };
}

async function timed(body: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await body();
  return performance.now() - started;
}
