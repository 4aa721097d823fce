import { join } from "node:path";
import type { Acquire, Want } from "../src/allocation/claim.ts";
import { parseRange } from "../src/ip/range.ts";
import { MemoryStore } from "../src/store/memory/memory.ts";
import { SqliteStore } from "../src/store/sqlite/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { cniCall, ours, whereaboutsOn } from "./calls.ts";
import { interleave, median } from "./measure.ts";

const BATCH = 10_000;
const CHUNK = 5_000;

function wantOf(text: string): Want {
  const range = parseRange(text);
  if (!range.ok) throw new Error(range.error.hint);
  const { network, first, last } = range.value;
  return { pool: { networkName: "", range: network }, free: [{ first, last }] };
}

function acquire(want: Want, pod: string): Acquire {
  const owner = { pod: { namespace: "bench", name: pod }, ifname: "net1", sandbox: pod };
  return {
    kind: "acquire",
    owner,
    node: "bench",
    network: "bench",
    overlapCheck: true,
    wants: [want],
    now: 0,
  };
}

async function commit(store: Store, changes: Parameters<Store["commit"]>[0]): Promise<void> {
  const outcomes = await store.commit(changes);
  if (!outcomes.ok) throw new Error(outcomes.error.message);
  if (outcomes.value.some(({ kind }) => kind === "refused")) throw new Error("an allocation was refused");
}

/** Holds `count` addresses of the range, through the store itself. */
export async function fill(store: Store, range: string, count: number): Promise<void> {
  const want = wantOf(range);
  for (let done = 0; done < count; done += BATCH) {
    const size = Math.min(BATCH, count - done);
    await commit(
      store,
      Array.from({ length: size }, (_, index) => acquire(want, `held-${range}-${done + index}`)),
    );
  }
}

export type SizeRow = { range: string; held: number; fragmented: boolean; wall: number; commit: number };

/** What an ADD costs when little or much of the pool is held, or every second address of it. */
export async function measureSizes(
  folder: string,
  sizes: readonly number[],
  runs: number,
): Promise<SizeRow[]> {
  const rows: SizeRow[] = [];
  for (const range of ["10.0.0.0/8", "fd00::/64"]) {
    const cases = [...sizes.map((held) => ({ held, fragmented: false })), { held: BATCH, fragmented: true }];
    const databases: string[] = [];
    for (const [index, { held, fragmented }] of cases.entries()) {
      const database = join(folder, `size-${range.replace(/\W/g, "-")}-${index}.db`);
      databases.push(database);
      const store = openOrThrow(database);
      await fill(store, range, held);
      if (fragmented) {
        const every = Array.from({ length: held / 2 }, (_, pair) => `held-${range}-${pair * 2 + 1}`);
        await commit(
          store,
          every.map((sandbox) => ({ kind: "release", sandbox, ifname: "net1" }) as const),
        );
      }
      store.close();
    }
    const programs = databases.map((database) => (run: number) => {
      return cniCall(ours("whereabouts"), "ADD", `new-${run}`, whereaboutsOn(database, range));
    });
    const samples = await interleave(programs, runs, 3);
    for (const [index, { held, fragmented }] of cases.entries()) {
      const wall = median((samples[index] ?? []).map((sample) => sample.wall));
      const inside = await commitTime(databases[index] ?? "", range, runs);
      rows.push({ range, held, fragmented, wall, commit: inside });
    }
  }
  return rows;
}

/** Milliseconds of one commit with the store open already. */
async function commitTime(database: string, range: string, runs: number): Promise<number> {
  const store = openOrThrow(database);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await commit(store, [acquire(wantOf(range), `inside-${run}`)]);
    times.push(performance.now() - started);
  }
  store.close();
  return median(times);
}

function openOrThrow(database: string): SqliteStore {
  const store = SqliteStore.open(database, { patience: 10_000 });
  if (!store.ok) throw new Error(store.error.message);
  return store.value;
}

export type RateRow = { what: string; perSecond: number };

/** Allocations and releases a second in memory, one commit each. */
export async function measureMemory(held: number, count: number): Promise<RateRow[]> {
  const rows: RateRow[] = [];
  for (const range of ["10.0.0.0/8", "fd00::/64"]) {
    for (const before of [0, held]) {
      const store = new MemoryStore();
      await fill(store, range, before);
      const want = wantOf(range);
      const names = Array.from({ length: count }, (_, index) => `new-${index}`);
      Bun.gc(true); // what filling left behind is not the cost of an allocation
      const adding = await medianTime(names, (name) => commit(store, [acquire(want, name)]));
      const freeing = await medianTime(names, (sandbox) => {
        return commit(store, [{ kind: "release", sandbox, ifname: "net1" }]);
      });
      const where = `${range}, ${before.toLocaleString("en")} held`;
      rows.push({ what: `ADD, ${where}`, perSecond: 1000 / adding });
      rows.push({ what: `DEL, ${where}`, perSecond: 1000 / freeing });
    }
  }
  return rows;
}

/** Milliseconds for one name: the median over chunks, so that one pause of the collector does not decide. */
async function medianTime(names: readonly string[], body: (name: string) => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let from = 0; from < names.length; from += CHUNK) {
    const chunk = names.slice(from, from + CHUNK);
    const started = performance.now();
    for (const name of chunk) await body(name);
    times.push((performance.now() - started) / chunk.length);
  }
  return median(times);
}
