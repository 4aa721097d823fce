import type { Change, Outcome } from "../allocation/claim.ts";
import { type Clock, sleep } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import type { Store, StoreError } from "../store/store.ts";

/** What bounds the work for one caller. */
export type Caller = {
  /** By `clock.elapsed()`; after it nobody waits for the answer any more. */
  readonly deadline: number;
  /** Whether it has hung up. What is not yet written for it need not be. */
  gone(): boolean;
};

/** Where the batches come from and go to. */
export type BatchingOptions = {
  /** The store as it is now: it may have been replaced since the last batch. */
  open(): Result<Store, StoreError>;
  readonly clock: Clock;
  /** Told the number of changes in each commit. */
  committed?(changes: number): void;
};

type Waiting = {
  readonly changes: readonly Change[];
  readonly caller: Caller;
  readonly answer: (result: Result<readonly Outcome[], StoreError>) => void;
};

/** Small enough that nobody waits long behind it, large enough that the disk's sync is shared by all who wait. */
const MAX_BATCH = 128;
const BUSY_PAUSES = [2, 5, 10, 20, 50];

/**
 * Group commit: what arrives while a commit is under way goes into the next one, first come first served. A store
 * that is locked by another process is tried again without blocking anything else.
 */
export class Batching {
  readonly #options: BatchingOptions;
  readonly #queue: Waiting[] = [];
  #running = false;
  /** Commits under way in a store that takes several at once. */
  #alone = 0;

  constructor(options: BatchingOptions) {
    this.#options = options;
  }

  /** The store as one caller sees it. */
  for(caller: Caller, store: Pick<Store, "name" | "parallel" | "tellPod">): Store {
    const { name, parallel = false } = store;
    return {
      name,
      parallel,
      commit: (changes) => (parallel ? this.#commitAlone(changes, caller) : this.#commit(changes, caller)),
      preview: (request) => this.#read(caller, (store) => store.preview(request)),
      claims: (filter) => this.#read(caller, (store) => store.claims(filter)),
      pools: () => this.#read(caller, (store) => store.pools()),
      tellPod: (pod, why) => store.tellPod?.(pod, why),
      close: () => undefined, // the agent keeps it open for the next caller
    };
  }

  get idle(): boolean {
    return !this.#running && this.#queue.length === 0 && this.#alone === 0;
  }

  /** For a store that joins commits itself: no caller waits behind another. */
  async #commitAlone(
    changes: readonly Change[],
    { deadline, gone }: Caller,
  ): Promise<Result<readonly Outcome[], StoreError>> {
    const patience = deadline - this.#options.clock.elapsed();
    if (patience <= 0 || gone()) return err(GAVE_UP);
    this.#alone++;
    const result = await this.#put(changes, patience);
    this.#alone--;
    return result;
  }

  #commit(changes: readonly Change[], caller: Caller): Promise<Result<readonly Outcome[], StoreError>> {
    const { promise, resolve } = Promise.withResolvers<Result<readonly Outcome[], StoreError>>();
    this.#queue.push({ changes, caller, answer: resolve });
    if (!this.#running) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let busy = 0; this.#queue.length > 0; ) {
      await sleep(this.#options.clock, busy === 0 ? 0 : (BUSY_PAUSES[busy - 1] ?? 50));
      this.#dropAbandoned();
      const batch = this.#nextBatch();
      if (batch.length === 0) continue;
      const result = await this.#write(batch);
      if (!result.ok && result.error.code === "store_busy") {
        this.#queue.unshift(...batch); // they keep their place until their patience ends
        busy = Math.min(busy + 1, BUSY_PAUSES.length);
        continue;
      }
      busy = 0;
      if (result.ok || batch.length === 1) deliver(batch, result);
      // One change that trips over a bug must not take the others down with it.
      else if (result.error.retry === "bug")
        for (const one of batch) deliver([one], await this.#write([one]));
      else deliver(batch, result);
    }
    this.#running = false;
  }

  #write(batch: readonly Waiting[]): Promise<Result<readonly Outcome[], StoreError>> {
    return this.#put(batch.flatMap((waiting) => waiting.changes));
  }

  async #put(changes: readonly Change[], patience?: number): Promise<Result<readonly Outcome[], StoreError>> {
    const store = this.#options.open();
    if (!store.ok) return store;
    try {
      const result = await store.value.commit(changes, patience);
      if (result.ok) this.#options.committed?.(changes.length);
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const hint = "please report this with the log";
      return err({ code: "store_bug", retry: "bug", store: store.value.name, message, hint });
    }
  }

  #nextBatch(): Waiting[] {
    let changes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      changes += waiting.changes.length;
      if (count > 0 && changes > MAX_BATCH) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Those who no longer wait get an error, and nothing is written for them. */
  #dropAbandoned(): void {
    const now = this.#options.clock.elapsed();
    const abandoned: Waiting[] = [];
    const kept = this.#queue.filter((waiting) => {
      const waits = !waiting.caller.gone() && now < waiting.caller.deadline;
      if (!waits) abandoned.push(waiting);
      return waits;
    });
    if (abandoned.length === 0) return;
    this.#queue.splice(0, this.#queue.length, ...kept);
    for (const { answer } of abandoned) answer(err(GAVE_UP));
  }

  async #read<T>(
    caller: Caller,
    body: (store: Store) => Promise<Result<T, StoreError>>,
  ): Promise<Result<T, StoreError>> {
    for (const pause of [...BUSY_PAUSES, ...Array<number>(1000).fill(50)]) {
      const store = this.#options.open();
      const result = store.ok ? await body(store.value) : store;
      if (result.ok || result.error.code !== "store_busy") return result;
      if (caller.gone() || this.#options.clock.elapsed() + pause >= caller.deadline) return result;
      await sleep(this.#options.clock, pause);
    }
    return err(GAVE_UP);
  }
}

const GAVE_UP: StoreError = {
  code: "store_busy",
  retry: "transient",
  store: "agent",
  message: "the caller's time was over before its turn came",
  hint: "another process holds the store, or the disk is slow; the runtime tries again",
};

function deliver(batch: readonly Waiting[], result: Result<readonly Outcome[], StoreError>): void {
  let at = 0;
  for (const { changes, answer } of batch) {
    answer(result.ok ? ok(result.value.slice(at, at + changes.length)) : result);
    at += changes.length;
  }
}
