import type { Clock } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import type { ApiError, KubeClient, KubeObject } from "../../kube/api.ts";
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
import { Reader, type Source } from "./source.ts";
import type { Sink, State } from "./state.ts";

/** Older than this, in milliseconds, what a watch says may have been overtaken: the server sends a bookmark every minute. */
const STALE = 120_000;

/** Milliseconds in which a server that answers has refused a list. */
const SOON = 500;

/** Watches pools and reservations for a process that stays. What it is told of our own writes it knows at once. */
export class CachedSource implements Source, Sink {
  readonly #clock: Clock;
  readonly #namespace: string;
  readonly #state: State;
  readonly #pools: WatchCache<IPPool, IPPool>;
  readonly #reservations: WatchCache<OverlappingRangeIPReservation, OverlappingRangeIPReservation>;
  readonly #reader: Reader;

  /** `paged`: for whoever holds the reservations of a whole cluster and has little memory; costs the server more. */
  constructor(client: KubeClient, clock: Clock, state: State, log: Log, { paged = false } = {}) {
    const { namespace } = client;
    this.#clock = clock;
    this.#namespace = namespace;
    this.#state = state;
    this.#pools = new WatchCache({ client, clock, log, namespace, resource: IP_POOLS, project: whole });
    this.#reservations = new WatchCache({
      client,
      clock,
      log,
      namespace,
      resource: RESERVATIONS,
      project: whole,
      ...(paged && { slim: bare }),
    });
    this.#reader = new Reader(client, clock, state, this);
    this.#pools.onChange((change) =>
      follow(
        change,
        (pool) => state.putPool(pool),
        (pool) => state.dropPool(pool.metadata.name, pool),
      ),
    );
    this.#reservations.onChange((change) =>
      follow(
        change,
        (object) => state.putReservation(object),
        (object) => state.dropReservation(object),
      ),
    );
    this.#pools.start();
    this.#reservations.start();
  }

  async ready(_names: readonly string[], deadline: number): Promise<Result<void, ApiError>> {
    return this.all(deadline);
  }

  async all(deadline: number): Promise<Result<void, ApiError>> {
    if (this.#pools.isSynced && this.#reservations.isSynced) return ok(undefined);
    const left = () => Math.max(0, deadline - this.#clock.elapsed());
    for (const cache of [this.#pools, this.#reservations]) {
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
    return [this.#pools, this.#reservations]
      .map(({ lastError }) => lastError)
      .find((error) => error && error.code !== "expired");
  }

  isCurrent(): boolean {
    return Math.max(this.#pools.age, this.#reservations.age) < STALE;
  }

  close(): void {
    void this.#pools.stop();
    void this.#reservations.stop();
  }

  putPool(object: IPPool): void {
    this.#pools.put(object);
  }

  dropPool(name: string, object?: IPPool): void {
    if (object) this.#pools.remove({ name, namespace: this.#namespace }, object.metadata.uid);
  }

  putReservation(object: OverlappingRangeIPReservation): void {
    this.#reservations.put(object);
  }

  dropReservation({ metadata }: OverlappingRangeIPReservation): void {
    this.#reservations.remove({ name: metadata.name, namespace: this.#namespace }, metadata.uid);
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
