import { type Clock, sleep } from "../../clock.ts";
import { type Holding, holdingOf } from "../../inspect/holding.ts";
import type { ApiError, KubeClient } from "../../kube/api.ts";
import type { Log } from "../../log.ts";
import { err, ok, type Result } from "../../result.ts";
import { claimOf, type Entry, ownerOf } from "../../store/kubernetes/entry.ts";
import type { EntriesChange, State } from "../../store/kubernetes/state.ts";
import { HOLDINGS_A_SHARD, readNewest, type Shard, writeShard } from "./shards.ts";

export type KeeperOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly state: State;
};

/** Milliseconds between two writes: what ends together is one write, and nobody waits for it. */
const FLUSH = 15_000;
/** What cannot be written is kept; beyond that many the oldest goes, with a line in the log. */
const MOST_WAITING = 10_000;
/** So much of a sandbox's id tells it from others, and is what runtimes show. */
const SANDBOX = 13;

/**
 * Writes down who held which address, when the holding ends: while it lasts the pools say it themselves. What ends while nobody
 * leads is not seen; the agent of the node knows it.
 */
export class HistoryKeeper {
  readonly #options: KeeperOptions;
  /** When an entry that does not say since when was first seen. */
  readonly #seen = new WeakMap<Entry, number>();
  #waiting: Holding[] = [];
  #shard: Shard | undefined;
  #failure = "";

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, state } = this.#options;
    let isFirst = true; // who is there already has been for an unknown time
    const unsubscribe = state.onEntries((change) => this.#note(change, isFirst));
    isFirst = false;
    while (!signal.aborted) {
      await sleep(clock, FLUSH, signal);
      await this.#flush();
    }
    unsubscribe();
  }

  #note({ record, gone, come }: EntriesChange, isFirst: boolean): void {
    const now = this.#options.clock.now();
    const renewed = new Map(come.map((entry) => [String(entry.address.value), entry]));
    if (!isFirst)
      for (const entry of come) if (entry.allocation.since === undefined) this.#seen.set(entry, now);
    for (const entry of gone) {
      const next = renewed.get(String(entry.address.value));
      const seen = this.#seen.get(entry);
      if (next && isSameHolder(entry, next)) {
        if (seen === undefined) this.#seen.delete(next);
        else this.#seen.set(next, seen);
        continue;
      }
      const holding = holdingOf(claimOf(record.pool, entry, false), seen);
      const sandbox = holding.sandbox.startsWith("reserved?") ? "" : holding.sandbox.slice(0, SANDBOX);
      this.#waiting.push({ ...holding, sandbox, until: new Date(now).toISOString() });
    }
  }

  /** Full shards are left behind; the last one is written anew with what has come. */
  async #flush(): Promise<void> {
    const { log } = this.#options;
    while (this.#waiting.length > 0) {
      const written = await this.#writeSome();
      if (!written.ok) {
        this.#shard = undefined; // another leader may have written: it is read again
        const { message, hint } = written.error;
        const lost = Math.max(0, this.#waiting.length - MOST_WAITING);
        this.#waiting.splice(0, lost);
        // Said once, and again only when something is lost.
        if (lost > 0 || this.#failure !== message)
          log("error", `the history cannot be written: ${message}`, { hint, lost });
        this.#failure = message;
        return;
      }
      this.#failure = "";
    }
  }

  async #writeSome(): Promise<Result<void, ApiError>> {
    const { client } = this.#options;
    const known = this.#shard ? ok(this.#shard) : await readNewest(client);
    if (!known.ok) return known;
    const isFull = known.value.holdings.length >= HOLDINGS_A_SHARD;
    const shard = isFull ? { sequence: known.value.sequence + 1, holdings: [] } : known.value;
    const taken = this.#waiting.slice(0, HOLDINGS_A_SHARD - shard.holdings.length);
    const written = await writeShard(client, { ...shard, holdings: [...shard.holdings, ...taken] });
    if (!written.ok) return err(written.error);
    this.#waiting.splice(0, taken.length);
    this.#shard = written.value;
    return ok(undefined);
  }
}

function isSameHolder(a: Entry, b: Entry): boolean {
  const [one, two] = [ownerOf(a.allocation), ownerOf(b.allocation)];
  const isSamePod = one.pod.namespace === two.pod.namespace && one.pod.name === two.pod.name;
  const isSameUid = one.pod.uid === undefined || two.pod.uid === undefined || one.pod.uid === two.pod.uid;
  return isSamePod && isSameUid && one.ifname === two.ifname;
}
