import { describe, expect, test } from "bun:test";
import type { Change, Outcome } from "../allocation/claim.ts";
import { systemClock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import { acquire } from "../store/contract.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import type { Store, StoreError } from "../store/store.ts";
import { Batching } from "./batching.ts";

const PATIENT = { deadline: Number.POSITIVE_INFINITY, gone: () => false };

/** A memory store that notes its commits and can be told to fail. */
class Watched {
  readonly commits: number[] = [];
  now = 0;
  fail: (changes: readonly Change[]) => StoreError | undefined = () => undefined;
  readonly #inner: Store = new MemoryStore();
  readonly store: Store = {
    name: "watched",
    commit: async (changes): Promise<Result<readonly Outcome[], StoreError>> => {
      const failure = this.fail(changes);
      if (failure) return err(failure);
      this.commits.push(changes.length);
      return this.#inner.commit(changes);
    },
    preview: (request) => this.#inner.preview(request),
    claims: (filter) => this.#inner.claims(filter),
    pools: () => this.#inner.pools(),
    close: () => this.#inner.close(),
  };
  readonly batching = new Batching({
    open: () => ok(this.store),
    clock: {
      ...systemClock,
      elapsed: () => this.now,
      after: (ms, run) => {
        this.now += ms;
        return systemClock.after(0, run);
      },
    },
  });
}

function failure(code: "store_busy" | "store_bug"): StoreError {
  const retry = code === "store_busy" ? "transient" : "bug";
  return { code, retry, store: "watched", message: "told to fail", hint: "none" };
}

function pods(count: number) {
  return Array.from({ length: count }, (_, index) => acquire("10.0.0.0/16", { pod: `p${index}` }));
}

function addressesOf(results: readonly Result<readonly Outcome[], StoreError>[]): bigint[] {
  return results.flatMap((result) =>
    result.ok
      ? result.value.flatMap((outcome) =>
          outcome.kind === "acquired" ? outcome.claims.map((claim) => claim.address.value) : [],
        )
      : [],
  );
}

describe("group commit", () => {
  test("what waits together is committed together, in the order of arrival, and each gets its own answer", async () => {
    const watched = new Watched();
    const store = watched.batching.for(PATIENT, { name: "s" });
    const results = await Promise.all(pods(300).map((change) => store.commit([change])));
    expect(watched.commits).toEqual([128, 128, 44]);
    expect(addressesOf(results)).toEqual(
      Array.from({ length: 300 }, (_, index) => 0x0a000001n + BigInt(index)),
    );
    expect(watched.batching.idle).toBe(true);
  });

  test("a locked store is tried again until the caller's time is over, and the patient get through", async () => {
    const watched = new Watched();
    watched.fail = () => (watched.now < 1000 ? failure("store_busy") : undefined);
    const [hasty, patient] = await Promise.all([
      watched.batching.for({ deadline: 500, gone: () => false }, { name: "s" }).commit(pods(1)),
      watched.batching.for(PATIENT, { name: "s" }).commit(pods(2).slice(1)),
    ]);
    expect(hasty.ok ? "" : hasty.error.code).toBe("store_busy");
    expect(patient.ok).toBe(true);
    expect(watched.commits).toEqual([1]);
  });

  test("for a caller that has hung up nothing is written", async () => {
    const watched = new Watched();
    const gone = await watched.batching.for({ ...PATIENT, gone: () => true }, { name: "s" }).commit(pods(1));
    expect(gone.ok).toBe(false);
    expect(watched.commits).toEqual([]);
  });

  test("a change that trips over a bug fails alone", async () => {
    const watched = new Watched();
    const isBad = (change: Change) => change.kind === "acquire" && change.owner.pod.name === "p1";
    watched.fail = (changes) => (changes.some(isBad) ? failure("store_bug") : undefined);
    const store = watched.batching.for(PATIENT, { name: "s" });
    const results = await Promise.all(pods(4).map((change) => store.commit([change])));
    expect(results.map(({ ok }) => ok)).toEqual([true, false, true, true]);
  });

  test("a store that throws is an error, and the next batch is served", async () => {
    const watched = new Watched();
    const store = watched.batching.for(PATIENT, { name: "s" });
    watched.fail = () => {
      throw new Error("broken");
    };
    const broken = await store.commit(pods(1));
    expect(broken.ok ? "" : broken.error.message).toBe("broken");
    watched.fail = () => undefined;
    expect((await store.commit(pods(1))).ok).toBe(true);
  });
});
