import type { Claim } from "../../../allocation/claim.ts";
import type { UsedSpace } from "../../../allocation/free.ts";
import { poolSpace } from "../../../allocation/pool.ts";
import type { Family } from "../../../ip/address.ts";
import { type Cidr, formatCidr } from "../../../ip/cidr.ts";
import type { Interval } from "../../../ip/interval.ts";
import type { ApiError } from "../../../kube/api.ts";
import { ok, type Result } from "../../../result.ts";
import type { SliceBook } from "./book.ts";
import { takenIn } from "./slice-pools.ts";

/**
 * Keeps those who allocate without slices out of the slices of nodes, whose owners give their addresses without asking anybody.
 * A pool that a process writes to for the first time is followed by a look at the slices that the server has then: whoever gets
 * a slice later finds that pool, and reserves what it gives.
 */
export class SliceGuard {
  readonly #book: SliceBook;
  /** Pools after whose first write the slices have been read. */
  readonly #checked = new Set<string>();
  readonly #taken = new Map<string, readonly Interval[]>();
  #revision = -1;

  constructor(book: SliceBook) {
    this.#book = book;
  }

  /** What nodes have been given of a realm; `range`: only of what was cut from that range, which then is a realm of its own. */
  used(networkName: string, family: Family, range?: Cidr): UsedSpace {
    const taken = this.#takenIn(networkName, family, range);
    return { runAt: (value) => runIn(taken, value) };
  }

  /** Whether one of the claims, which are written by now, lies in the slice of a node. */
  async meets(claims: readonly Claim[], deadline: number): Promise<Result<boolean, ApiError>> {
    const pools = claims.map(({ pool }) => poolSpace(pool)).filter((name) => !this.#checked.has(name));
    const read = pools.length > 0 ? await this.#book.read(deadline) : ok(undefined);
    if (!read.ok) return read;
    for (const name of pools) this.#checked.add(name);
    return ok(
      claims.some(({ pool: { networkName, range }, address, overlapCheck }) => {
        const taken = this.used(networkName, address.family, overlapCheck ? undefined : range);
        return taken.runAt(address.value) !== undefined;
      }),
    );
  }

  #takenIn(networkName: string, family: Family, range: Cidr | undefined): readonly Interval[] {
    if (this.#revision !== this.#book.revision) this.#taken.clear();
    this.#revision = this.#book.revision;
    const key = `${family} ${range ? formatCidr(range) : ""} ${networkName}`;
    const known = this.#taken.get(key) ?? takenIn(networkName, family, this.#book.pools(), range);
    this.#taken.set(key, known);
    return known;
  }
}

/** The interval that holds the value; they are ascending and disjoint. */
function runIn(intervals: readonly Interval[], value: bigint): Interval | undefined {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const last = intervals[middle]?.last ?? value;
    if (last < value) low = middle + 1;
    else high = middle;
  }
  const found = intervals[low];
  return found && found.first <= value ? found : undefined;
}
