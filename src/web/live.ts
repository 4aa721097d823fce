import type { Claim } from "../allocation/claim.ts";
import { poolSpace } from "../allocation/pool.ts";
import { type Clock, sleep } from "../clock.ts";
import type { Network } from "../inspect/networks.ts";
import type { Address } from "../ip/address.ts";
import { ok, type Result } from "../result.ts";
import type { PoolUsage, Store, StoreError } from "../store/store.ts";
import type { Holding, Notice } from "./api.ts";
import { type PoolPart, Snapshot } from "./snapshot.ts";

/** What is known besides the claims. Each may be missing where there is nobody to ask. */
export type Facts = {
  readonly networks: () => Promise<readonly Network[]>;
  /** Who held an address before. */
  readonly history?: (address: Address) => Promise<readonly Holding[]>;
  /** Whether the pod of a claim is known to be gone, as of the last refresh. */
  readonly isGone?: (claim: Claim) => boolean;
  /** What was warned of, the newest first. */
  readonly notices?: () => readonly Notice[];
  /** Whether it has been gone for so long that its addresses should be back. */
  readonly isStranded?: (claim: Claim) => boolean;
  /** Calls back whenever the notices alone, or anything else, may have changed. */
  readonly onChange?: (told: (what: "everything" | "notices") => void) => void;
};

/** How often the store is asked whether anything has changed, in milliseconds. */
const INTERVAL = 200;
/** With more claims than this a change reads only the pools whose counts moved, if those are few; all of them every so often. */
const LARGE = 5_000;
const FEW = 8;
/** Between two readings of everything at least so many milliseconds, and so many times as long as the last one took. */
const WHOLE = 5_000;
const WHOLE_SHARE = 20;

/** Keeps a snapshot of a store current and tells those who watch. */
export class Live {
  readonly #store: Store;
  readonly #facts: Facts;
  readonly #clock: Clock;
  readonly #watchers = new Set<() => void>();
  readonly #stop = new AbortController();
  #snapshot: Snapshot;
  #seen: string | undefined;
  #reads = 0;
  #reading: Promise<void> | undefined;
  /** Since when some pools have been newer than what is counted over all of them. */
  #partialSince: number | undefined;
  /** How long the last reading of everything took, in milliseconds. */
  #wholeTook = 0;
  #trouble: string | undefined;
  /** What has changed besides the store. */
  readonly #stale = new Set<"everything" | "notices">();

  constructor(store: Store, facts: Facts, clock: Clock) {
    this.#store = store;
    this.#facts = facts;
    this.#clock = clock;
    this.#snapshot = Snapshot.empty();
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Somebody watches, so that the snapshot is kept current without being asked to. */
  get isFollowed(): boolean {
    return this.#watchers.size > 0;
  }

  /** Why the store does not answer; what it said last is still there. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Reads the store, and again whenever it changes, until `stop`. Resolves after the first reading. */
  async start(): Promise<void> {
    this.#facts.onChange?.((what) => this.#stale.add(what));
    await this.refresh();
    void this.#follow();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** `told` is called after each change; the answer ends that. */
  watch(told: () => void): () => void {
    this.#watchers.add(told);
    return () => void this.#watchers.delete(told);
  }

  /** Reads the store if it has changed since; calls that come meanwhile wait for the same reading. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    if (this.#stale.delete("everything")) this.#seen = undefined;
    else if (this.#stale.delete("notices"))
      this.#take(this.#snapshot.with(String(++this.#reads), [], await this.#facts.networks()));
    const revision = await this.#store.revision?.();
    if (revision && !revision.ok) return void this.#fail(revision.error);
    const isNew = revision === undefined || revision.value !== this.#seen || this.#trouble !== undefined;
    if (!isNew && this.#partialSince === undefined) return;
    const usage = await this.#store.pools();
    if (!usage.ok) return void this.#fail(usage.error);
    const changed = usage.value.filter(({ pool, used }) => {
      return this.#snapshot.pools.get(poolSpace(pool))?.summary.used !== String(used);
    });
    const isDue =
      this.#partialSince !== undefined &&
      this.#clock.elapsed() - this.#partialSince >= Math.max(WHOLE, this.#wholeTook * WHOLE_SHARE);
    const isLarge = this.#snapshot.held > LARGE && this.#trouble === undefined;
    if (isLarge && !isNew && !isDue) return;
    // An equal count may hide an exchange: then, and in any case before long, everything is read.
    const few = changed.length > 0 && changed.length <= FEW;
    const done = isLarge && few && !isDue ? await this.#readSome(changed) : await this.#readAll(usage.value);
    if (done) this.#seen = revision?.value;
  }

  async #readSome(changed: readonly PoolUsage[]): Promise<boolean> {
    const parts: PoolPart[] = [];
    for (const usage of changed) {
      const claims = await this.#store.claims({ pool: usage.pool });
      if (!claims.ok) return this.#fail(claims.error);
      parts.push({ usage: { ...usage, used: BigInt(claims.value.length) }, claims: claims.value });
    }
    this.#partialSince ??= this.#clock.elapsed();
    this.#take(this.#snapshot.with(String(++this.#reads), parts, await this.#facts.networks()));
    return true;
  }

  async #readAll(usage: readonly PoolUsage[]): Promise<boolean> {
    const started = this.#clock.elapsed();
    const parts = await this.#allParts(usage);
    if (!parts.ok) return this.#fail(parts.error);
    const networks = await this.#facts.networks();
    this.#partialSince = undefined;
    this.#wholeTook = this.#clock.elapsed() - started;
    const isStranded = this.#facts.isStranded ?? (() => false);
    const known = { networks, isStranded, now: this.#clock.now() };
    this.#take(Snapshot.of(String(++this.#reads), parts.value, known));
    return true;
  }

  /** Of many pool by pool, so that those who look meanwhile are answered. */
  async #allParts(usage: readonly PoolUsage[]): Promise<Result<readonly PoolPart[], StoreError>> {
    if (usage.reduce((sum, { used }) => sum + used, 0n) <= LARGE) {
      const claims = await this.#store.claims({});
      if (!claims.ok) return claims;
      const byPool = Map.groupBy(claims.value, ({ pool }) => poolSpace(pool));
      return ok(usage.map((one) => ({ usage: one, claims: byPool.get(poolSpace(one.pool)) ?? [] })));
    }
    const parts: PoolPart[] = [];
    for (const one of usage) {
      const claims = await this.#store.claims({ pool: one.pool });
      if (!claims.ok) return claims;
      parts.push({ usage: { ...one, used: BigInt(claims.value.length) }, claims: claims.value });
      await sleep(this.#clock, 0);
    }
    return ok(parts);
  }

  #take(snapshot: Snapshot): void {
    this.#trouble = undefined;
    this.#snapshot = snapshot;
    this.#tell();
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await sleep(this.#clock, INTERVAL, this.#stop.signal);
      // Nobody looks: the next one who does is told what has changed meanwhile.
      if (this.#watchers.size > 0 && !this.#stop.signal.aborted) await this.refresh();
    }
  }

  #fail({ store, message, hint }: StoreError): false {
    const trouble = `${store}: ${message} (${hint})`;
    if (trouble !== this.#trouble) {
      this.#trouble = trouble;
      this.#tell();
    }
    return false;
  }

  #tell(): void {
    for (const told of this.#watchers) told();
  }
}
