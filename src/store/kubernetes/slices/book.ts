import { type Clock, sleep } from "../../../clock.ts";
import type { Cidr } from "../../../ip/cidr.ts";
import type { ApiError, KubeClient } from "../../../kube/api.ts";
import { listAll } from "../../../kube/list.ts";
import { sliceRequestName } from "../../../kube/names.ts";
import { NODE_SLICE_POOLS } from "../../../kube/objects.ts";
import { WatchCache } from "../../../kube/watch-cache.ts";
import type { Log } from "../../../log.ts";
import { ok, type Result } from "../../../result.ts";
import {
  findSlicePool,
  REQUEST,
  readSlicePool,
  requestFor,
  returnOf,
  type SlicePool,
  slicePoolNameFor,
} from "./slice-pools.ts";

/** Milliseconds after which an unanswered wish is told again. */
const ASK_AGAIN = 10_000;
const ASK_TIMEOUT = 5_000;
/** What a cluster answers in which no node can have slices: it is without the CRD, or older than it. */
const NOT_THERE = new Set<ApiError["code"]>(["not_found", "kind_missing", "forbidden"]);

/** The NodeSlicePools of the cluster as a node sees them, and the node's wishes. */
export class SliceBook {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #cache: WatchCache<NonNullable<(typeof NODE_SLICE_POOLS)["shape"]>, SlicePool>;
  readonly #asked = new Map<string, number>();
  #changed = Promise.withResolvers<void>();
  #revision = 0;

  constructor(client: KubeClient, clock: Clock, log: Log) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
    this.#cache = new WatchCache({
      client,
      clock,
      log,
      namespace: client.namespace,
      resource: NODE_SLICE_POOLS,
      // One from before this node got its slice would strike that out in its journal.
      fresh: true,
      // A thousand nodes that ask at once must not be told of each other's wishes.
      labelSelector: `!${REQUEST}`,
      project: readSlicePool,
    });
    this.#cache.onChange(() => {
      this.#revision++;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
  }

  start(): void {
    this.#cache.start();
  }

  get isSynced(): boolean {
    return this.#cache.isSynced;
  }

  /** Another number after every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Milliseconds since the API server last told anything. */
  get age(): number {
    return this.#cache.age;
  }

  whenSynced(timeout: number): Promise<Result<void, ApiError>> {
    return this.#cache.isSynced ? Promise.resolve(ok(undefined)) : this.#cache.whenSynced(timeout);
  }

  /** Takes over what the API server has now. */
  async read(deadline: number): Promise<Result<void, ApiError>> {
    const listed = await listAll(this.#client, NODE_SLICE_POOLS, {
      namespace: this.#client.namespace,
      labelSelector: `!${REQUEST}`,
      timeout: Math.max(1, deadline - this.#clock.elapsed()),
    });
    if (listed.ok) for (const object of listed.value.items) this.#cache.put(object);
    return listed.ok || NOT_THERE.has(listed.error.code) ? ok(undefined) : listed;
  }

  /** The same of one pool. */
  async readOne(name: string, deadline: number): Promise<Result<void, ApiError>> {
    const { namespace } = this.#client;
    const timeout = Math.max(1, deadline - this.#clock.elapsed());
    const before = this.#get(name)?.object.metadata.uid;
    const found = await this.#client.get(NODE_SLICE_POOLS, { name, namespace }, { timeout });
    if (found.ok) this.#cache.put(found.value);
    else if (NOT_THERE.has(found.error.code)) {
      // Only what was known before: another may have been made while the answer was on its way.
      if (before !== undefined) this.#cache.remove({ name, namespace }, before);
    } else return found;
    return ok(undefined);
  }

  /** Told of each pool that is new or has changed. */
  onChange(listener: (pool: SlicePool) => void): void {
    this.#cache.onChange((change) => listener(change.type === "deleted" ? change.before : change.value));
  }

  pools(): Iterable<SlicePool> {
    return this.#cache.values();
  }

  find(network: string, range: Cidr): SlicePool | undefined {
    return findSlicePool(network, range, (name) => this.#get(name));
  }

  /** Resolves at the next news, or after so many milliseconds. */
  async news(timeout: number): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#changed.promise, sleep(this.#clock, timeout, over.signal)]);
    over.abort();
  }

  /**
   * Tells the controller that this node needs one slice more than it has, if one can be cut. Telling it twice does no harm.
   */
  async ask(
    network: string,
    range: Cidr,
    prefix: number,
    node: string,
    have: number,
    canCut = () => true,
  ): Promise<void> {
    const name =
      this.find(network, range)?.name ?? slicePoolNameFor(network, range, (pool) => this.#get(pool)?.range);
    const key = `${name} ${have}`;
    const now = this.#clock.elapsed();
    if (now - (this.#asked.get(key) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN) return;
    this.#asked.set(key, now);
    if (!canCut()) return;
    const { namespace } = this.#client;
    const request = requestFor(name, range, prefix, node, have, namespace);
    const made = await this.#client.create(NODE_SLICE_POOLS, request, { timeout: ASK_TIMEOUT });
    // An earlier wish that is still open says the same; the controller strikes out what is over.
    if (made.ok || made.error.code === "already_exists") return;
    this.#asked.delete(key);
    const { code, message, hint } = made.error;
    this.#log("error", "a slice cannot be asked for", { pool: name, node, code, message, hint });
  }

  /** Tells the controller that this node uses a slice no longer. Telling it twice does no harm. */
  async giveBack(pool: SlicePool, node: string, slice: Cidr): Promise<void> {
    const object = returnOf(pool, node, slice, this.#client.namespace);
    const made = await this.#client.create(NODE_SLICE_POOLS, object, { timeout: ASK_TIMEOUT });
    if (made.ok || made.error.code === "already_exists") return;
    const { code, message, hint } = made.error;
    this.#log("error", "a slice cannot be returned", { pool: pool.name, node, code, message, hint });
  }

  /** Whether the controller has still to take a slice back that this node has returned. */
  async isReturned(
    pool: SlicePool,
    node: string,
    slice: Cidr,
    deadline: number,
  ): Promise<Result<boolean, ApiError>> {
    const name = { name: sliceRequestName(pool.name, node, slice), namespace: this.#client.namespace };
    const timeout = Math.max(1, deadline - this.#clock.elapsed());
    const found = await this.#client.get(NODE_SLICE_POOLS, name, { timeout });
    if (found.ok) return ok(true);
    return NOT_THERE.has(found.error.code) ? ok(false) : found;
  }

  close(): void {
    void this.#cache.stop();
  }

  #get(name: string): SlicePool | undefined {
    return this.#cache.get({ name, namespace: this.#client.namespace });
  }
}
