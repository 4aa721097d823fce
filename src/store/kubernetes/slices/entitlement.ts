import type { Acquire, Want } from "../../../allocation/claim.ts";
import type { Pool } from "../../../allocation/pool.ts";
import { lowestSlice, usableOf } from "../../../allocation/slices.ts";
import type { Clock } from "../../../clock.ts";
import { formatCidr, parseCidr } from "../../../ip/cidr.ts";
import { countOf, normalise } from "../../../ip/interval.ts";
import { poolName } from "../../../kube/names.ts";
import type { State } from "../state.ts";
import type { SliceBook } from "./book.ts";
import type { Grant, SliceJournal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { poolsOutside, useOf } from "./outside.ts";
import { takenIn } from "./slice-pools.ts";

/**
 * A node that the API server has not confirmed its slices for so long, in milliseconds, stops giving addresses: the controller
 * gives the slices of a node that is gone to others only some time after that (NODE_GONE in the controller).
 */
export const CONFIRMED = 60 * 60_000;
/** How often the journal is told that the slices are still confirmed, in milliseconds. */
const REFRESH = 5 * 60_000;

/** Which slices are this node's: by the API server, or by the journal while that cannot be asked. */
export class Entitlement {
  readonly #book: SliceBook;
  readonly #journal: SliceJournal;
  readonly #clock: Clock;
  #grants: readonly Grant[];
  #savedAt = Number.NEGATIVE_INFINITY;

  constructor(book: SliceBook, journal: SliceJournal, clock: Clock) {
    this.#book = book;
    this.#journal = journal;
    this.#clock = clock;
    this.#grants = journal.grants();
  }

  /** The slices of a node for a want, lowest first. */
  slicesOf(want: Want, node: string): readonly Pool[] {
    const { networkName } = want.pool;
    const ranges = this.#book.isSynced
      ? this.#listed(want, node)
      : this.#known(want, node).flatMap(({ slice }) => {
          const range = parseCidr(slice);
          return range.ok ? [range.value] : [];
        });
    return ranges.sort((a, b) => (a.base < b.base ? -1 : 1)).map((range) => ({ networkName, node, range }));
  }

  /** Milliseconds since the API server has last said whose the slices of a want are. */
  ageOf(want: Want, node: string): number {
    if (this.#book.isSynced) return this.#book.age;
    const [grant] = this.#known(want, node);
    return grant ? Math.max(0, this.#clock.now() - grant.confirmed) : Number.POSITIVE_INFINITY;
  }

  /** Writes down what the API server says now, so that the node can go on if it restarts without it. Throws as the journal does. */
  keep(request: Acquire): void {
    if (!this.#book.isSynced) return;
    const confirmed = Math.round(this.#clock.now() - this.#book.age);
    const { node } = request;
    let grants = this.#grants;
    for (const { slice, pool } of request.wants) {
      if (!slice) continue;
      const range = formatCidr(pool.range);
      const isOther = (grant: Grant) =>
        grant.network !== slice.network ||
        grant.networkName !== pool.networkName ||
        grant.node !== node ||
        grant.range !== range;
      const now = this.#listed({ pool, slice, free: [] }, node).map((one) => formatCidr(one));
      const { network } = slice;
      const { networkName } = pool;
      grants = [
        ...grants.filter(isOther),
        ...now.map((one) => ({ network, networkName, node, range, slice: one, confirmed })),
      ];
    }
    const isSame = namesOf(grants) === namesOf(this.#grants);
    if (isSame && this.#clock.elapsed() - this.#savedAt < REFRESH) return;
    this.#journal.keepGrants(grants);
    this.#grants = grants;
    this.#savedAt = this.#clock.elapsed();
  }

  #listed({ slice, pool }: Want, node: string) {
    if (!slice) return [];
    const found = this.#book.find(slice.network, pool.range);
    return found?.slices.filter((one) => one.node === node).map(({ range }) => range) ?? [];
  }

  #known({ slice, pool }: Want, node: string): Grant[] {
    const range = formatCidr(pool.range);
    return this.#grants.filter(
      (grant) =>
        grant.network === slice?.network &&
        grant.networkName === pool.networkName &&
        grant.node === node &&
        grant.range === range,
    );
  }
}

/** Whether the controller could cut one slice more of the want for the node. */
export function canCutSlice(
  { pool, slice, free }: Want,
  node: string,
  book: SliceBook,
  state: State,
): boolean {
  if (!slice) return false;
  const { networkName, range } = pool;
  const pools = [...state.pools()].map(useOf);
  const outside = poolsOutside(networkName, range.family, pools, book.pools(), () => false);
  const taken = [
    ...takenIn(networkName, range.family, book.pools()),
    ...outside
      .filter((use) => use.name !== poolName({ networkName, node, range: use.range }))
      .flatMap(({ held }) => held),
  ];
  const prefix = book.find(slice.network, range)?.prefix ?? slice.prefix;
  return lowestSlice({ network: range, prefix, free }, normalise(taken)) !== undefined;
}

/** Addresses that are left for a want in all slices that the node has, and how many these have together. */
export function leftIn(want: Want, slices: readonly Pool[], ledger: Ledger): { left: bigint; of: bigint } {
  const of = slices.reduce((sum, { range }) => sum + countOf(usableOf(range, want.free)), 0n);
  const used = slices.reduce((sum, slice) => sum + ledger.used(slice, true).count, 0n);
  return { left: of > used ? of - used : 0n, of };
}

function namesOf(grants: readonly Grant[]): string {
  return JSON.stringify(grants.map(({ confirmed: _, ...grant }) => grant));
}
