import type { Clock } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import { parseCidr } from "../../ip/cidr.ts";
import type { ApiError, KubeClient, KubeObject, Resource } from "../../kube/api.ts";
import { listAll } from "../../kube/list.ts";
import {
  nameAllowsFor,
  poolPrefix,
  readPoolRanges,
  reservationName,
  SLICE_NODE,
  sliceLabels,
} from "../../kube/names.ts";
import { IP_POOLS, type IPPool, RESERVATIONS } from "../../kube/objects.ts";
import { ok, type Result } from "../../result.ts";
import { offsetOf } from "./entry.ts";
import type { Sink, State } from "./state.ts";

/** Where a store gets its knowledge of the objects from; it puts it into the state. Deadlines by `clock.elapsed()`. */
export interface Source {
  /** Makes sure that the state shows these pools, of this moment or as a watch has them. */
  ready(names: readonly string[], deadline: number): Promise<Result<void, ApiError>>;
  /** The same for all objects. */
  all(deadline: number): Promise<Result<void, ApiError>>;
  /** All pools, without reservations: who has which address. */
  allPools(deadline: number): Promise<Result<void, ApiError>>;
  /** The pools that may hold an address, by their names, and its reservations there. */
  around(address: Address, deadline: number): Promise<Result<void, ApiError>>;
  /** Reads from the server what it has now. */
  refresh(names: readonly string[], deadline: number): Promise<Result<void, ApiError>>;
  /** Reads these pools from the server, as they are now. */
  read(names: readonly string[], deadline: number): Promise<Result<void, ApiError>>;
  /** Makes sure that the state shows all reservations. */
  learnReservations(deadline: number): Promise<Result<void, ApiError>>;
  /** Makes sure that what an attachment holds is not overlooked because its entry was written a moment ago. */
  recheck(deadline: number): Promise<Result<void, ApiError>>;
  /** Whether the state shows all reservations. */
  knowsReservations(): boolean;
  /** Why news do not come at present, if they do not. */
  trouble(): ApiError | undefined;
  /** Whether the state is as new as the server's, but for the delay of a watch. */
  isCurrent(): boolean;
  close(): void;
}

/** Reads of a process that answers one call: just what the call needs, and just once. */
export class DirectSource implements Source {
  readonly #reader: Reader;
  #hasAll = false;
  #hasReservations = false;

  constructor(client: KubeClient, clock: Clock, state: State) {
    this.#reader = new Reader(client, clock, state, state);
  }

  ready(names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    return this.#reader.pools(names, deadline);
  }

  async all(deadline: number): Promise<Result<void, ApiError>> {
    if (this.#hasAll) return ok(undefined);
    const read = await both(this.#reader.allPools(deadline), this.learnReservations(deadline));
    this.#hasAll = read.ok;
    return read;
  }

  async allPools(deadline: number): Promise<Result<void, ApiError>> {
    return this.#hasAll ? ok(undefined) : this.#reader.allPools(deadline);
  }

  async around(address: Address, deadline: number): Promise<Result<void, ApiError>> {
    if (this.#hasAll) return ok(undefined);
    const names = await this.#reader.versions(deadline);
    if (!names.ok) return names;
    const possible = [...names.value.keys()].filter((name) => nameAllowsFor(name, address));
    return both(
      ...possible.map((name) => this.#reader.pool(name, deadline, address)),
      ...possible.map((name) => this.#reader.reservationIn(name, address, deadline)),
    );
  }

  read(names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    return this.#reader.pools(names, deadline);
  }

  refresh(names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    return both(this.#reader.pools(names, deadline), this.#reader.allReservations(deadline));
  }

  async learnReservations(deadline: number): Promise<Result<void, ApiError>> {
    if (this.#hasReservations) return ok(undefined);
    const read = await this.#reader.allReservations(deadline);
    this.#hasReservations = read.ok;
    return read;
  }

  recheck(): Promise<Result<void, ApiError>> {
    return Promise.resolve(ok(undefined));
  }

  knowsReservations(): boolean {
    return this.#hasReservations;
  }

  trouble(): ApiError | undefined {
    return undefined;
  }

  isCurrent(): boolean {
    return true;
  }

  close(): void {
    this.#hasAll = false;
  }
}

/** What lists and watches of a process tell it. A `labelSelector` of undefined selects everything. */
export type Scope = { readonly labelSelector?: string };

/**
 * What a node follows: all that belongs to no slice, and the pools of its own slices. Of reservations of slices it knows those that
 * it has made itself; the server decides by their names. Whoever is no node follows everything.
 */
export function scopesOf(node: string | undefined): { readonly common: Scope; readonly own?: Scope } {
  if (node === undefined) return { common: {} };
  const own = { labelSelector: `${SLICE_NODE}=${sliceLabels(node)[SLICE_NODE]}` };
  return { common: { labelSelector: `!${SLICE_NODE}` }, own };
}

/** Gets and lists into the state. What a read does not find any more is dropped there. */
export class Reader {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #state: State;
  readonly #sink: Sink;
  readonly #common: Scope;
  readonly #own: Scope | undefined;

  /** `node`: whose slices alone are read. */
  constructor(client: KubeClient, clock: Clock, state: State, sink: Sink, node?: string) {
    this.#client = client;
    this.#clock = clock;
    this.#state = state;
    this.#sink = sink;
    const { common, own } = scopesOf(node);
    this.#common = common;
    this.#own = own;
  }

  async pools(names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    const reads = await Promise.all(names.map((name) => this.pool(name, deadline)));
    return reads.find((read) => !read.ok) ?? ok(undefined);
  }

  /** `only`: of what the pool holds, this address is all that is wanted. */
  async pool(name: string, deadline: number, only?: Address): Promise<Result<void, ApiError>> {
    const timeout = this.#left(deadline);
    const before = this.#state.pool(name)?.object;
    const found = await this.#client.get(IP_POOLS, { name, namespace: this.#client.namespace }, { timeout });
    if (found.ok) this.#sink.putPool(only ? holdingOnly(found.value, only) : found.value);
    else if (found.error.code === "not_found") this.#sink.dropPool(name, before);
    else return found;
    return ok(undefined);
  }

  /** The reservation of an address in the realm of a pool of that name, if there is one. */
  async reservationIn(pool: string, address: Address, deadline: number): Promise<Result<void, ApiError>> {
    const prefixes = readPoolRanges(pool).flatMap((range) => poolPrefix(pool, range) ?? []);
    const reads = prefixes.map(async (networkName) => {
      const name = reservationName(networkName, address);
      const timeout = this.#left(deadline);
      const { namespace } = this.#client;
      const found = await this.#client.get(RESERVATIONS, { name, namespace }, { timeout });
      if (found.ok) this.#sink.putReservation(found.value);
      return found.ok || found.error.code === "not_found" ? ok(undefined) : found;
    });
    return both(...reads);
  }

  async allPools(deadline: number): Promise<Result<void, ApiError>> {
    const before = [...this.#state.pools()];
    const seen = new Set<string>();
    const read = await this.#listPools(deadline, false, (object) => {
      seen.add(object.metadata.name);
      this.#sink.putPool(object);
    });
    if (!read.ok) return read;
    // One that appeared while the list was read may be missing there and yet be.
    for (const { name, object } of before) if (!seen.has(name)) this.#sink.dropPool(name, object);
    return read;
  }

  /** The version of each pool, by name: a list without what the pools hold. */
  async versions(deadline: number): Promise<Result<ReadonlyMap<string, string>, ApiError>> {
    const versions = new Map<string, string>();
    const read = await this.#listPools(deadline, true, ({ metadata }) =>
      versions.set(metadata.name, metadata.resourceVersion ?? ""),
    );
    return read.ok ? ok(versions) : read;
  }

  async allReservations(deadline: number): Promise<Result<void, ApiError>> {
    const before = [...this.#state.reservations()];
    const seen = new Set<string>();
    const read = await this.#list(RESERVATIONS, { deadline, ...this.#common }, (object) => {
      seen.add(object.metadata.name);
      this.#sink.putReservation(object);
    });
    if (!read.ok) return read;
    for (const { object } of before) if (!seen.has(object.metadata.name)) this.#sink.dropReservation(object);
    return read;
  }

  #listPools(
    deadline: number,
    metadataOnly: boolean,
    take: (object: IPPool) => void,
  ): Promise<Result<void, ApiError>> {
    const scopes = [this.#common, ...(this.#own ? [this.#own] : [])];
    return both(...scopes.map((scope) => this.#list(IP_POOLS, { deadline, metadataOnly, ...scope }, take)));
  }

  async #list<T extends KubeObject>(
    resource: Resource<T>,
    { deadline, ...scope }: Scope & { readonly deadline: number; readonly metadataOnly?: boolean },
    take: (object: T) => void,
  ): Promise<Result<void, ApiError>> {
    const { namespace } = this.#client;
    const listed = await listAll(this.#client, resource, {
      namespace,
      timeout: this.#left(deadline),
      ...scope,
    });
    if (!listed.ok) return listed;
    for (const object of listed.value.items) take(object);
    return ok(undefined);
  }

  #left(deadline: number): number {
    return Math.max(1, deadline - this.#clock.elapsed());
  }
}

async function both(...reads: readonly Promise<Result<void, ApiError>>[]): Promise<Result<void, ApiError>> {
  const results = await Promise.all(reads);
  return results.find((read) => !read.ok) ?? ok(undefined);
}

/** The pool as if it held nothing but the address: whoever asks for one need not wait until thousands are taken in. */
function holdingOnly(pool: IPPool, address: Address): IPPool {
  const range = parseCidr(String(pool.spec.range), "sloppy");
  if (!range.ok) return pool;
  const offset = offsetOf({ networkName: "", range: range.value }, address);
  const { [offset]: found } = pool.spec.allocations;
  return { ...pool, spec: { ...pool.spec, allocations: found === undefined ? {} : { [offset]: found } } };
}
