import type { Pool } from "../../../allocation/pool.ts";
import type { Timer } from "../../../clock.ts";
import { formatCidr } from "../../../ip/cidr.ts";
import { poolName } from "../../../kube/names.ts";
import { listing } from "./entitlement.ts";
import type { SlicePool } from "./slice-pools.ts";
import { journalFailed, type Workings } from "./workings.ts";

/** A slice that has been empty for so long, in milliseconds, is returned; of a pool that is closing at once. */
export const IDLE = 30 * 60_000;
const LOOK_AGAIN = 60_000;
/** While somebody waits for what we have. */
const LOOK_SOON = 2_000;
/** News come together. */
const SOON = 200;
const CONFIRM_TIMEOUT = 5_000;

/**
 * Returns slices that the node does not need, in two steps: first it stops using one, which its journal says for good, then it says so,
 * and the controller takes it back. So a slice is never two nodes', whoever of them dies or restarts on the way.
 */
export class Returns {
  readonly #workings: Workings;
  /** Since when each slice has been empty, by name of its IPPool. */
  readonly #emptySince = new Map<string, number>();
  #timer: Timer | undefined;
  #isDue = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(workings: Workings) {
    this.#workings = workings;
    const { book, entitlement } = workings;
    book.onChange(({ isClosing, slices }) => {
      const concernsUs = isClosing && slices.some(({ node }) => entitlement.nodes.has(node));
      if (concernsUs || entitlement.returning().length > 0) this.#schedule(SOON);
    });
    this.#schedule(LOOK_AGAIN);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(ms: number): void {
    const { clock } = this.#workings;
    const due = clock.elapsed() + ms;
    if (this.#isClosed || due >= this.#isDue) return;
    this.#timer?.cancel();
    this.#isDue = due;
    this.#timer = clock.after(ms, () => {
      this.#isDue = Number.POSITIVE_INFINITY;
      this.#running ??= this.#look().finally(() => {
        this.#running = undefined;
        this.#schedule(this.#isPressing() ? LOOK_SOON : LOOK_AGAIN);
      });
    });
  }

  #isPressing(): boolean {
    const { book, entitlement } = this.#workings;
    const isOurs = ({ node }: { readonly node: string }) => entitlement.nodes.has(node);
    return [...book.pools()].some(({ isClosing, slices }) => isClosing && slices.some(isOurs));
  }

  async #look(): Promise<void> {
    const { book, entitlement } = this.#workings;
    if (!book.isSynced) return;
    for (const pool of [...book.pools()]) {
      for (const slice of slicesIn(pool, entitlement.nodes)) await this.#consider(slice, pool);
    }
    await Promise.all(entitlement.returning().map((slice) => this.#giveBack(slice)));
  }

  async #consider(slice: Pool, pool: SlicePool): Promise<void> {
    const { clock, book, entitlement, holdings, tools, log, store } = this.#workings;
    const name = poolName(slice);
    if (entitlement.returning().some((one) => poolName(one) === name)) return;
    const others = listing(slice, book.pools()).filter((other) => !other.isClosing);
    if (pool.isClosing && others.length > 0) {
      // It goes on as the slice of another attachment.
      await book.giveBack(pool, slice.node ?? "", slice.range);
      return;
    }
    if (!holdings.isEmpty(slice)) {
      this.#emptySince.delete(name);
      return;
    }
    const since = this.#emptySince.get(name) ?? clock.elapsed();
    this.#emptySince.set(name, since);
    if (!pool.isClosing && clock.elapsed() - since < IDLE) return;
    if (!holdings.knows([name])) {
      // What was given ahead and never used, or what an earlier process had: only the server knows.
      const read = entitlement.isInherited(slice)
        ? undefined
        : await tools.source.read([tools.state.bind(slice)], clock.elapsed() + CONFIRM_TIMEOUT);
      if (!read?.ok) return;
      await holdings.change((put) => holdings.compare(slice, put));
    }
    if (!holdings.isEmpty(slice)) return;
    try {
      entitlement.stopUsing(slice);
      this.#emptySince.delete(name);
    } catch (error) {
      const { code, message, hint } = journalFailed(store, error);
      log("error", message, { code, hint, pool: name });
    }
  }

  async #giveBack(slice: Pool): Promise<void> {
    const { clock, book, entitlement, holdings, log } = this.#workings;
    const { node = "", range } = slice;
    const asked = listing(slice, book.pools());
    await Promise.all(asked.map((pool) => book.giveBack(pool, node, range)));
    if (asked.length > 0) return; // the news that it is taken back bring us here again
    // What we know may be older than the slice: the server itself must say that it is nobody's, or another's.
    const read = await book.read(clock.elapsed() + CONFIRM_TIMEOUT);
    if (!read.ok || listing(slice, book.pools()).length > 0) return;
    try {
      entitlement.forget(slice);
      holdings.forget(slice);
      log("verbose", "an empty slice was returned", { slice: formatCidr(range), node });
    } catch (error) {
      log("error", "the journal of the node's slices cannot be written", { error: String(error) });
    }
  }
}

/** Slices of pools whose realm is known; those that upstream's controller made stay as they are. */
function slicesIn({ realm, slices }: SlicePool, nodes: ReadonlySet<string>): Pool[] {
  if (realm === undefined) return [];
  return slices.flatMap(({ node, range }) => (nodes.has(node) ? [{ networkName: realm, node, range }] : []));
}
