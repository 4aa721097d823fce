import type { Acquire, Want } from "../../../allocation/claim.ts";
import { type Pool, poolSpace } from "../../../allocation/pool.ts";
import { lowestSlice, usableOf } from "../../../allocation/slices.ts";
import type { Clock } from "../../../clock.ts";
import { type Cidr, formatCidr, parseCidr } from "../../../ip/cidr.ts";
import { countOf, normalise } from "../../../ip/interval.ts";
import type { ApiError } from "../../../kube/api.ts";
import { poolName } from "../../../kube/names.ts";
import { ok, type Result } from "../../../result.ts";
import type { State } from "../state.ts";
import type { SliceBook } from "./book.ts";
import type { Grant, SliceJournal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { poolsOutside, useOf } from "./outside.ts";
import { mayBeIn, type SlicePool, sameRange, takenIn } from "./slice-pools.ts";

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
  readonly #nodes = new Set<string>();
  /** Slices that nodes of this process had before it knew of any. */
  readonly #first = new Map<string, ReadonlySet<string>>();
  /** By node, what each version of a pool gives it: the pool of a large cluster lists a thousand others. */
  readonly #slices = new WeakMap<SlicePool, Map<string, readonly Cidr[]>>();
  #grants: readonly Grant[];
  #returning: ReadonlySet<string>;
  #kept = { by: "", revision: -1 };
  #savedAt = Number.NEGATIVE_INFINITY;

  constructor(book: SliceBook, journal: SliceJournal, clock: Clock) {
    this.#book = book;
    this.#journal = journal;
    this.#clock = clock;
    this.#grants = journal.grants();
    this.#returning = returningIn(this.#grants);
    for (const { node } of this.#grants) this.#nodes.add(node);
  }

  /** What this process is called as a node: one name, unless configurations disagree. */
  get nodes(): ReadonlySet<string> {
    return this.#nodes;
  }

  /** Remembers what the node has been given before this process asked for anything. */
  look(node: string): void {
    this.#nodes.add(node);
    if (this.#first.has(node)) return;
    const slices = [...this.#book.pools()].flatMap((pool) =>
      pool.slices.filter((slice) => slice.node === node),
    );
    this.#first.set(node, new Set(slices.map(({ range }) => formatCidr(range))));
  }

  isInherited({ node = "", range }: Pool): boolean {
    return this.#first.get(node)?.has(formatCidr(range)) ?? false;
  }

  /** The slices of a node for a want that it may use, lowest first. */
  slicesOf(want: Want, node: string): readonly Pool[] {
    const { networkName } = want.pool;
    const ranges = this.#book.isSynced
      ? this.#listed(want, node)
      : this.#known(want, node).flatMap(({ slice }) => {
          const range = parseCidr(slice);
          return range.ok ? [range.value] : [];
        });
    return [...ranges]
      .sort((a, b) => (a.base < b.base ? -1 : 1))
      .map((range) => ({ networkName, node, range }))
      .filter((slice) => this.#returning.size === 0 || !this.#returning.has(poolName(slice)));
  }

  /** How many the controller says the node has for a want, with those that it is returning. */
  countOf(want: Want, node: string): number {
    return this.#listed(want, node).length;
  }

  /** The slices that the node is returning. */
  returning(): Pool[] {
    return this.#grants.flatMap(({ networkName, node, slice, returning }) => {
      const range = returning ? parseCidr(slice) : undefined;
      return range?.ok ? [{ networkName, node, range: range.value }] : [];
    });
  }

  /** From now on no address of the slice is given, whatever happens to this process. Throws as the journal does. */
  stopUsing({ networkName, node = "", range }: Pool): void {
    const slice = formatCidr(range);
    const mark = { network: "", networkName, node, range: "", slice, confirmed: 0, returning: true } as const;
    this.#save([...this.#grants, mark]);
  }

  /** It has been taken back. */
  forget(slice: Pool): void {
    const name = poolName(slice);
    this.#save(this.#grants.filter((grant) => nameOf(grant) !== name));
  }

  /** Whether a slice that an earlier process of this node had is still the node's to use, and returned by none of them. */
  async confirm(slice: Pool, deadline: number): Promise<Result<void, ApiError>> {
    const { node = "", range } = slice;
    for (const pool of listing(slice, this.#book.pools())) {
      const returned = await this.#book.isReturned(pool, node, range, deadline);
      if (!returned.ok) return returned;
      if (returned.value) this.stopUsing(slice);
      const read = await this.#book.readOne(pool.name, deadline);
      if (!read.ok) return read;
    }
    return ok(undefined);
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
    const isFresh = this.#clock.elapsed() - this.#savedAt < REFRESH;
    const by = `${request.node} ${request.wants.map(({ pool, slice }) => `${slice?.network} ${poolSpace(pool)}`)}`;
    const { revision } = this.#book;
    if (isFresh && this.#kept.by === by && this.#kept.revision === revision) return;
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
    if (!isFresh || namesOf(grants) !== namesOf(this.#grants)) {
      this.#save(grants);
      this.#savedAt = this.#clock.elapsed();
    }
    this.#kept = { by, revision };
  }

  #save(grants: readonly Grant[]): void {
    this.#journal.keepGrants(grants);
    this.#grants = grants;
    this.#returning = returningIn(grants);
  }

  #listed({ slice, pool }: Want, node: string): readonly Cidr[] {
    if (!slice) return [];
    const found = this.#book.find(slice.network, pool.range);
    return found ? this.#slicesIn(found, node) : [];
  }

  #slicesIn(pool: SlicePool, node: string): readonly Cidr[] {
    const byNode = this.#slices.get(pool) ?? new Map<string, readonly Cidr[]>();
    this.#slices.set(pool, byNode);
    const known = byNode.get(node);
    if (known) return known;
    const slices = pool.slices.filter((slice) => slice.node === node).map(({ range }) => range);
    byNode.set(node, slices);
    return slices;
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

/** The pools that say that a slice is its node's: two attachments without network name may share one. */
export function listing({ networkName, node, range }: Pool, pools: Iterable<SlicePool>): SlicePool[] {
  return [...pools].filter(
    (pool) =>
      mayBeIn(pool, networkName) &&
      pool.slices.some((slice) => slice.node === node && sameRange(slice.range, range)),
  );
}

function returningIn(grants: readonly Grant[]): ReadonlySet<string> {
  return new Set(grants.flatMap((grant) => (grant.returning ? (nameOf(grant) ?? []) : [])));
}

function nameOf({ networkName, node, slice }: Grant): string | undefined {
  const range = parseCidr(slice);
  return range.ok ? poolName({ networkName, node, range: range.value }) : undefined;
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
