import type { Claim } from "../allocation/claim.ts";
import { type Clock, sleep } from "../clock.ts";
import type { Network } from "../inspect/networks.ts";
import type { Address } from "../ip/address.ts";
import type { Store, StoreError } from "../store/store.ts";
import type { Holding } from "./api.ts";
import { Snapshot } from "./snapshot.ts";

/** What is known besides the claims. Each may be missing where there is nobody to ask. */
export type Facts = {
  readonly networks: () => Promise<readonly Network[]>;
  /** Who held an address before. */
  readonly history?: (address: Address) => Promise<readonly Holding[]>;
  /** Whether the pod of a claim is known to be gone, as of the last refresh. */
  readonly isGone?: (claim: Claim) => boolean;
};

/** How often the store is asked whether anything has changed, in milliseconds. */
const INTERVAL = 500;

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
  #trouble: string | undefined;

  constructor(store: Store, facts: Facts, clock: Clock) {
    this.#store = store;
    this.#facts = facts;
    this.#clock = clock;
    this.#snapshot = new Snapshot("0", [], [], [], clock.now());
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Why the store does not answer; what it said last is still there. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Reads the store, and again whenever it changes, until `stop`. Resolves after the first reading. */
  async start(): Promise<void> {
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

  /** Reads the store if it has changed since. */
  async refresh(): Promise<void> {
    const revision = await this.#store.revision?.();
    if (revision && !revision.ok) return this.#fail(revision.error);
    if (revision?.ok && revision.value === this.#seen && this.#trouble === undefined) return;
    const claims = await this.#store.claims({});
    if (!claims.ok) return this.#fail(claims.error);
    const pools = await this.#store.pools();
    if (!pools.ok) return this.#fail(pools.error);
    const networks = await this.#facts.networks();
    this.#seen = revision?.value;
    this.#trouble = undefined;
    this.#reads++;
    this.#snapshot = new Snapshot(
      String(this.#reads),
      claims.value,
      pools.value,
      networks,
      this.#clock.now(),
    );
    this.#tell();
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await sleep(this.#clock, INTERVAL, this.#stop.signal);
      // Nobody looks: the next one who does is told what has changed meanwhile.
      if (this.#watchers.size > 0 && !this.#stop.signal.aborted) await this.refresh();
    }
  }

  #fail({ store, message, hint }: StoreError): void {
    const trouble = `${store}: ${message} (${hint})`;
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#tell();
  }

  #tell(): void {
    for (const told of this.#watchers) told();
  }
}
