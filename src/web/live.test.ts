import { afterEach, describe, expect, test } from "bun:test";
import type { Clock } from "../clock.ts";
import { acquire } from "../store/contract.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import type { ClaimFilter } from "../store/store.ts";
import { Live } from "./live.ts";

/** Counts what is asked of it, and can be away. */
class Watched extends MemoryStore {
  whole = 0;
  parts = 0;
  away = false;
  override claims(filter: ClaimFilter) {
    if (filter.pool) this.parts++;
    else this.whole++;
    return super.claims(filter);
  }
  override async revision() {
    if (!this.away) return super.revision();
    const error = {
      code: "store_busy",
      retry: "transient",
      store: "memory",
      message: "away",
      hint: "wait",
    } as const;
    return { ok: false, error } as const;
  }
}

describe("Live", () => {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    elapsed: () => now,
    random: () => 0,
    after: (ms, run) => {
      if (ms === 0) queueMicrotask(run); // a turn for others; the rest never comes
      return { cancel: () => undefined };
    },
  };
  const lives: Live[] = [];
  afterEach(() => {
    for (const live of lives.splice(0)) live.stop();
  });
  async function follow(store: Watched): Promise<Live> {
    const live = new Live(store, { networks: async () => [] }, clock);
    lives.push(live);
    await live.start();
    return live;
  }
  const fill = (count: number) =>
    Array.from({ length: count }, (_, index) => acquire("10.0.0.0/16", { pod: `p${index}` }));
  const usedOf = (live: Live) =>
    [...live.snapshot.pools.values()].map(({ summary, claims }) => [summary.used, claims.length]);

  test("reads only after a change, and tells once", async () => {
    const store = new Watched();
    await store.commit(fill(3));
    const live = await follow(store);
    let told = 0;
    live.watch(() => told++);
    await Promise.all([live.refresh(), live.refresh()]);
    expect([store.whole, told]).toEqual([1, 0]);
    await store.commit([acquire("10.0.0.0/16", { pod: "new" })]);
    await Promise.all([live.refresh(), live.refresh()]);
    expect([store.whole, told, usedOf(live)]).toEqual([2, 1, [["4", 4]]]);
  });

  test("of many claims only the pools that moved are read, and before long all; an exchange at once", async () => {
    const store = new Watched();
    await store.commit([...fill(5_100), acquire("10.9.0.0/24", { pod: "other" })]);
    const live = await follow(store);
    expect([store.whole, store.parts]).toEqual([0, 2]); // pool by pool
    await store.commit([acquire("10.9.0.0/24", { pod: "new" })]);
    await live.refresh();
    expect([store.whole, store.parts, usedOf(live)]).toEqual([
      0,
      3,
      [
        ["5100", 5100],
        ["2", 2],
      ],
    ]);
    expect(live.snapshot.pods).toBe(5101);
    await live.refresh();
    expect(store.parts).toBe(3);
    now += 6_000;
    await live.refresh();
    expect([store.parts, live.snapshot.pods]).toEqual([5, 5102]);
    await store.commit([
      { kind: "release", sandbox: "sandbox-new", ifname: "net1" },
      acquire("10.9.0.0/24", { pod: "successor" }),
    ]);
    await live.refresh();
    expect([store.whole, store.parts]).toEqual([0, 7]);
    expect(live.snapshot.search("successor", 0, 5).total).toBe(1);
  });

  test("a store that is away: what it said last stays, with the reason; then it is read anew", async () => {
    const store = new Watched();
    await store.commit(fill(2));
    const live = await follow(store);
    let told = 0;
    live.watch(() => told++);
    store.away = true;
    await live.refresh();
    await live.refresh();
    expect([live.trouble, told, usedOf(live)]).toEqual(["memory: away (wait)", 1, [["2", 2]]]);
    store.away = false;
    await live.refresh();
    expect([live.trouble, told]).toEqual([undefined, 2]);
  });
});
