import { type Clock, sleep, type Timer } from "../clock.ts";
import type { Log } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import type {
  Answer,
  ApiError,
  KubeClient,
  KubeObject,
  ListOptions,
  ObjectName,
  Resource,
  WatchEvent,
} from "./api.ts";
import { listAll } from "./list.ts";
import { type Change, ObjectsByName } from "./objects-by-name.ts";
import { backoff } from "./retry.ts";

export type { Change };

export type CacheOptions<T extends KubeObject, V> = {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Spec and status never come over the wire. */
  readonly metadataOnly?: boolean;
  /** The first list too must not be older than the moment when it is asked for, as what the server has at hand may be. */
  readonly fresh?: boolean;
  /**
   * For kinds with tens of thousands of objects: each page of a list is cut down to what `project` and the cache read (name,
   * namespace, uid, version), and the first list comes in pages too, which lists from the server's cache do not.
   */
  readonly slim?: (object: T) => T;
  /** What is kept of an object, so that memory holds no more than is used; undefined: nothing, as if it did not exist. */
  readonly project: (object: T) => V | undefined;
};

/** Time-outs in milliseconds. */
const PAGE_TIMEOUT = 30_000;
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 30_000;
/** While somebody waits for the first list. */
const LONGEST_PAUSE_WAITED_FOR = 500;
/** The server sends a bookmark about every minute: a stream that is silent for longer may be cut without anyone noticing. */
const SILENCE = 150_000;

/** Silent too is a stream that waits for a version of the future: etcd was restored from a backup. A list tells. */
const SILENT: ApiError = {
  code: "expired",
  retry: "conflict",
  maybeDone: false,
  message: `a watch was silent for ${SILENCE / 1000} s`,
  hint: "list anew",
};

/**
 * Keeps what is of interest of all objects of a kind: lists them, then watches. Changes are told in order, as they come. Knows
 * how old its knowledge is. Never gives up: what goes wrong is logged, kept in `lastError`, and tried again.
 */
export class WatchCache<T extends KubeObject, V> {
  readonly #options: CacheOptions<T, V>;
  readonly #objects: ObjectsByName<T, V>;
  readonly #listeners = new Set<(change: Change<V>) => void>();
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  /** The options that lists and watches share. */
  readonly #scope: Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector" | "metadataOnly">;
  #running: Promise<void> | undefined;
  #isSynced = false;
  /** How many wait for the first list. */
  #waiting = 0;
  #pause = new AbortController();
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #lastError: ApiError | undefined;

  constructor(options: CacheOptions<T, V>) {
    const { namespace, labelSelector, fieldSelector, metadataOnly } = options;
    this.#options = options;
    this.#scope = {
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(metadataOnly !== undefined && { metadataOnly }),
    };
    this.#objects = new ObjectsByName(options.project);
  }

  /** Begins in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is under way any more; what was known stays readable. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Whether the objects have been listed once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** What it keeps, as paths of the API call it. */
  get plural(): string {
    return this.#options.resource.plural;
  }

  /** Milliseconds since the server last told anything (event, bookmark, list); Infinity before the first list. */
  get age(): number {
    return this.#options.clock.elapsed() - this.#confirmedAt;
  }

  /** The version of the whole collection that is known. */
  get revision(): string {
    return this.#objects.horizon;
  }

  /** What went wrong last, if it has not gone well since. */
  get lastError(): ApiError | undefined {
    return this.#lastError;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(name: ObjectName): V | undefined {
    return this.#objects.get(name);
  }

  /** In no particular order; of one namespace or of all. */
  values(namespace?: string): Iterable<V> {
    return this.#objects.values(namespace);
  }

  /** Waits for the first list. The error is the last that came, or a time-out. */
  async whenSynced(timeout: number, signal?: AbortSignal): Promise<Result<void, ApiError>> {
    if (this.#isSynced) return ok(undefined);
    // A server that was away for long is asked seldom: not while a caller needs it.
    if (this.#waiting++ === 0) this.#pause.abort();
    const waiting = new AbortController();
    const signals = [waiting.signal, this.#stop.signal, ...(signal ? [signal] : [])];
    await Promise.race([this.#synced.promise, sleep(this.#options.clock, timeout, AbortSignal.any(signals))]);
    waiting.abort();
    this.#waiting--;
    return this.#isSynced ? ok(undefined) : err(this.#lastError ?? this.#notSynced(timeout));
  }

  /** Calls `listener` for each change from now on; what exists already is in `values`. Call the result to end it. */
  onChange(listener: (change: Change<V>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes over what the server answered to a write or read of ours, at once; the watch says it again later. */
  put(object: T): void {
    this.#tell(this.#objects.learn(object));
  }

  /** As `put` for an object that we have deleted, or that was known and then not found. Without its uid: whichever has the name now. */
  remove(name: ObjectName, uid?: string): void {
    this.#tell(this.#objects.forget(name, uid));
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    let attempt = 0;
    let isListed = false;
    while (!this.#stop.signal.aborted) {
      const startedAt = clock.elapsed();
      const before = this.#confirmedAt;
      const result: Result<void, ApiError> = isListed ? await this.#watch() : await this.#list();
      if (this.#stop.signal.aborted) return;
      if (result.ok) this.#lastError = undefined;
      else this.#note(result.error);
      isListed = result.ok || (isListed && !needsList(result.error));
      const isProgress = this.#confirmedAt > before;
      if (isProgress) attempt = 0;
      // A stream that ended in good order goes on at once, unless the server ends every one at once.
      if (result.ok && (isProgress || clock.elapsed() - startedAt > 1_000)) continue;
      this.#pause = new AbortController();
      const longest = this.#waiting > 0 ? LONGEST_PAUSE_WAITED_FOR : LONGEST_PAUSE;
      const pause = backoff(attempt++, FIRST_PAUSE, longest, clock);
      await sleep(clock, pause, AbortSignal.any([this.#stop.signal, this.#pause.signal]));
    }
  }

  async #list(): Answer<void> {
    const { client, resource, clock, slim, fresh } = this.#options;
    const startedAt = clock.elapsed();
    const deletes = this.#objects.startList();
    const listed = await listAll(client, resource, {
      timeout: PAGE_TIMEOUT,
      signal: this.#stop.signal,
      ...this.#scope,
      // The first time what the server has at hand will do; later it must not be older than what is known.
      ...(!this.#isSynced && !slim && !fresh && { resourceVersion: "0" }),
      ...(slim && { slim }),
    });
    if (!listed.ok) return listed;
    const { items, resourceVersion } = listed.value;
    const changes = this.#objects.replace(items, resourceVersion, deletes);
    this.#confirmedAt = startedAt;
    this.#isSynced = true;
    this.#synced.resolve();
    this.#tell(changes);
    return ok(undefined);
  }

  async #watch(): Answer<void> {
    const { client, resource, clock } = this.#options;
    const silent = new AbortController();
    const startedAt = clock.elapsed();
    let watchdog: Timer;
    const check = () => {
      const quiet = clock.elapsed() - Math.max(startedAt, this.#confirmedAt);
      if (quiet >= SILENCE) silent.abort();
      else watchdog = clock.after(SILENCE - quiet, check);
    };
    watchdog = clock.after(SILENCE, check);
    const ended = await client.watch(
      resource,
      {
        signal: AbortSignal.any([this.#stop.signal, silent.signal]),
        resourceVersion: this.#objects.horizon,
        // Spread, so that the watches of a cluster do not all start anew at once.
        timeoutSeconds: Math.round(300 + clock.random() * 300),
        ...this.#scope,
      },
      (event) => this.#take(event),
    );
    watchdog.cancel();
    return silent.signal.aborted ? err(SILENT) : ended;
  }

  #take(event: WatchEvent<T>): void {
    if (this.#stop.signal.aborted) return;
    this.#confirmedAt = this.#options.clock.elapsed();
    this.#lastError = undefined;
    if (event.type === "BOOKMARK") {
      this.#objects.confirm(event.resourceVersion);
      return;
    }
    this.#tell(
      event.type === "DELETED" ? this.#objects.deleted(event.object) : this.#objects.put(event.object),
    );
  }

  #tell(changes: readonly Change<V>[]): void {
    for (const change of changes) {
      for (const listener of this.#listeners) this.#call(listener, change);
    }
  }

  /** A listener that throws is a bug, which must not end the watch nor keep the others from the change. */
  #call(listener: (change: Change<V>) => void, change: Change<V>): void {
    try {
      listener(change);
    } catch (thrown) {
      const { resource, log } = this.#options;
      log("error", `a listener of ${resource.plural} has failed`, {
        object: change.name.name,
        error: String(thrown),
      });
    }
  }

  #note(error: ApiError): void {
    const { resource, log } = this.#options;
    // The same fault at every try is one line; an expired version is ordinary life.
    const isNews = this.#lastError?.code !== error.code && error.code !== "expired";
    this.#lastError = error;
    if (!isNews) return;
    const { code, message, hint } = error;
    log("error", `cannot watch ${resource.plural}; what is known grows old`, { code, message, hint });
  }

  #notSynced(timeout: number): ApiError {
    const { resource, client } = this.#options;
    return {
      code: "timeout",
      retry: "transient",
      maybeDone: false,
      message: `list ${resource.kind}: no answer within ${Math.round(timeout)} ms`,
      hint: `check that ${client.server} is up and not overloaded`,
    };
  }
}

/** Whether a watch cannot go on from where it was. */
function needsList({ code, message }: ApiError): boolean {
  return code === "expired" || message.includes("Too large resource version");
}
