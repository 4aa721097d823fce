import type { Clock } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import { parseCidr } from "../../ip/cidr.ts";
import type { ApiError, KubeClient, KubeObject } from "../../kube/api.ts";
import { labelOf } from "../../kube/name-encoding.ts";
import { readSliceName, SLICE_NODE } from "../../kube/names.ts";
import {
  IP_POOLS,
  type IPPool,
  identityOf,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../kube/objects.ts";
import { type Change, WatchCache } from "../../kube/watch-cache.ts";
import type { Log } from "../../log.ts";
import { ok, type Result } from "../../result.ts";
import { Reader, type Source, scopesOf } from "./source.ts";
import type { Sink, State } from "./state.ts";

/** Older than this, in milliseconds, what a watch says may have been overtaken: the server sends a bookmark every minute. */
const STALE = 120_000;

/** Milliseconds in which a server that answers has refused a list. */
const SOON = 500;

export type Following = {
  /**
   * The node that this process works for. It follows what belongs to no slice, and the pools of this node's slices; what belongs to
   * slices of others it neither needs nor could keep up with. Absent: it follows everything.
   */
  readonly node?: string;
  /** For whoever holds the reservations of a whole cluster and has little memory; costs the server more. */
  readonly paged?: boolean;
};

type Pools = WatchCache<IPPool, IPPool>;

/** Watches pools and reservations for a process that stays. What it is told of our own writes it knows at once. */
export class CachedSource implements Source, Sink {
  readonly #clock: Clock;
  readonly #namespace: string;
  readonly #state: State;
  readonly #node: string | undefined;
  readonly #pools: Pools;
  /** The pools of the node's slices. */
  readonly #own: Pools | undefined;
  readonly #reservations: WatchCache<OverlappingRangeIPReservation, OverlappingRangeIPReservation>;
  readonly #caches: readonly Pick<
    Pools,
    "start" | "stop" | "isSynced" | "whenSynced" | "lastError" | "age"
  >[];
  readonly #reader: Reader;

  constructor(client: KubeClient, clock: Clock, state: State, log: Log, following: Following = {}) {
    const { namespace } = client;
    const { node, paged = false } = following;
    const { common, own } = scopesOf(node);
    const parts = { client, clock, log, namespace };
    this.#clock = clock;
    this.#namespace = namespace;
    this.#state = state;
    this.#node = node;
    this.#pools = new WatchCache({ ...parts, ...common, resource: IP_POOLS, project: whole });
    this.#own = own && new WatchCache({ ...parts, ...own, resource: IP_POOLS, project: whole });
    this.#reservations = new WatchCache({
      ...parts,
      ...common,
      resource: RESERVATIONS,
      project: whole,
      ...(paged && { slim: bare }),
    });
    this.#caches = [this.#pools, ...(this.#own ? [this.#own] : []), this.#reservations];
    this.#reader = new Reader(client, clock, state, this, node);
    this.#followPools(this.#pools, this.#own);
    if (this.#own) this.#followPools(this.#own, this.#pools);
    this.#reservations.onChange((change) =>
      follow(
        change,
        (object) => state.putReservation(object),
        (object) => state.dropReservation(object),
      ),
    );
    for (const cache of this.#caches) cache.start();
  }

  async ready(_names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    return this.all(deadline);
  }

  async all(deadline: number): Promise<Result<void, ApiError>> {
    if (this.#caches.every(({ isSynced }) => isSynced)) return ok(undefined);
    const left = () => Math.max(0, deadline - this.#clock.elapsed());
    for (const cache of this.#caches) {
      const soon = await cache.whenSynced(Math.min(left(), SOON));
      // What a person has to put right is told at once; the watch tries on all the same.
      if (!soon.ok && cache.lastError?.retry === "permanent") return soon;
      const synced = soon.ok ? soon : await cache.whenSynced(left());
      if (!synced.ok) return synced;
    }
    return ok(undefined);
  }

  allPools(deadline: number): Promise<Result<void, ApiError>> {
    return this.all(deadline);
  }

  around(_address: Address, deadline: number): Promise<Result<void, ApiError>> {
    return this.all(deadline);
  }

  read(names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    return this.#reader.pools(names, deadline);
  }

  async refresh(names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    const pools = await this.#reader.pools(names, deadline);
    return pools.ok ? this.#reader.allReservations(deadline) : pools;
  }

  /** Versions of all pools, and then those that are newer than what is known. */
  async recheck(deadline: number): Promise<Result<void, ApiError>> {
    const versions = await this.#reader.versions(deadline);
    if (!versions.ok) return versions;
    const changed = [...versions.value].filter(
      ([name, version]) => this.#state.pool(name)?.object.metadata.resourceVersion !== version,
    );
    return this.#reader.pools(
      changed.map(([name]) => name),
      deadline,
    );
  }

  async learnReservations(): Promise<Result<void, ApiError>> {
    return ok(undefined);
  }

  knowsReservations(): boolean {
    return true;
  }

  trouble(): ApiError | undefined {
    return this.#caches.map(({ lastError }) => lastError).find((error) => error && error.code !== "expired");
  }

  isCurrent(): boolean {
    return Math.max(...this.#caches.map(({ age }) => age)) < STALE;
  }

  close(): void {
    for (const cache of this.#caches) void cache.stop();
  }

  putPool(object: IPPool): void {
    const cache = this.#cacheOf(object);
    if (cache) cache.put(object);
    // The slice of another node: nobody tells what becomes of it, so it is read again by whoever needs it.
    else this.#state.putPool(object);
  }

  dropPool(name: string, object?: IPPool): void {
    const cache = object && this.#cacheOf(object);
    if (cache) cache.remove({ name, namespace: this.#namespace }, object.metadata.uid);
    else this.#state.dropPool(name, object);
  }

  putReservation(object: OverlappingRangeIPReservation): void {
    if (this.#isFollowed(object)) this.#reservations.put(object);
  }

  dropReservation(object: OverlappingRangeIPReservation): void {
    const { metadata } = object;
    if (!this.#isFollowed(object)) return;
    this.#reservations.remove({ name: metadata.name, namespace: this.#namespace }, metadata.uid);
  }

  /** `other`: where a pool is that has only left this selection. */
  #followPools(cache: Pools, other: Pools | undefined): void {
    const state = this.#state;
    cache.onChange((change) =>
      follow(
        change,
        (pool) => {
          this.#bind(pool);
          state.putPool(pool);
        },
        (pool) => {
          const { name, uid } = pool.metadata;
          if (other?.get({ name, namespace: this.#namespace })?.metadata.uid !== uid)
            state.dropPool(name, pool);
        },
      ),
    );
  }

  /** The name of a slice's pool tells its network to whoever knows the node. */
  #bind({ metadata, spec }: IPPool): void {
    const node = this.#node;
    if (node === undefined || metadata.labels?.[SLICE_NODE] === undefined) return;
    const range = parseCidr(String(spec.range), "sloppy");
    const slice = range.ok ? readSliceName(metadata.name, node, range.value) : undefined;
    if (slice) this.#state.bind(slice);
  }

  /** Where a pool is followed, if it is. */
  #cacheOf(pool: IPPool): Pools | undefined {
    if (this.#isFollowed(pool)) return this.#pools;
    return pool.metadata.labels?.[SLICE_NODE] === labelOf(this.#node ?? "") ? this.#own : undefined;
  }

  #isFollowed({ metadata }: KubeObject): boolean {
    return this.#node === undefined || metadata.labels?.[SLICE_NODE] === undefined;
  }
}

function whole<T extends KubeObject>(object: T): T {
  return object;
}

/** A reservation without what the server keeps for itself. */
function bare({
  apiVersion,
  kind,
  metadata,
  spec,
}: OverlappingRangeIPReservation): OverlappingRangeIPReservation {
  const { annotations } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { ...identityOf(metadata), ...(annotations !== undefined && { annotations }) },
    spec,
  };
}

function follow<T>(change: Change<T>, put: (object: T) => void, drop: (object: T) => void): void {
  if (change.type === "deleted") drop(change.before);
  else put(change.value);
}
