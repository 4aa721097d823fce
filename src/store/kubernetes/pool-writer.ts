import type { Pool } from "../../allocation/pool.ts";
import { type Clock, sleep } from "../../clock.ts";
import { formatCidr } from "../../ip/cidr.ts";
import type { Answer, ApiError, KubeClient } from "../../kube/api.ts";
import { apiVersionOf, IP_POOLS, type IPPool } from "../../kube/objects.ts";
import { backoff } from "../../kube/retry.ts";
import { offsetOf } from "./entry.ts";
import { type PoolOp, poolPatch, stateOf } from "./patch.ts";
import type { Sink, State } from "./state.ts";
import type { WriteOrder } from "./write-order.ts";

/** `lost`: somebody else has that address or has changed that record. `failed`: nothing is known to be written. */
export type OpResult =
  | { readonly kind: "done" }
  | { readonly kind: "lost" }
  | { readonly kind: "failed"; readonly error: ApiError };

export type WriterOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly state: State;
  readonly sink: Sink;
  /** Who else is about to write; left out by who is no node. */
  readonly order?: WriteOrder;
  /** The name of the object. */
  readonly name: string;
  readonly pool: Pool;
  /** Of the object, if it is made here. */
  readonly labels?: { readonly [key: string]: string };
};

type Job = {
  readonly op: PoolOp;
  readonly deadline: number;
  readonly resolve: (result: OpResult) => void;
  /** Why it is not written yet. */
  error?: ApiError;
};

/** Steps in one patch: two operations of JSON patch each, of which the server takes 10,000. */
const MAX_BATCH = 500;
/**
 * Milliseconds after which a request without answer is given up, so that it delays the others no longer; and one on a large pool, which
 * the server may be repeating inside.
 */
const ATTEMPT = 4_000;
const LONG_ATTEMPT = 8_000;
/** A write waits at most so many milliseconds for those that are about to join it; and one of a large pool, which takes as long itself. */
const LONGEST_GATHERING = 50;
const LONGEST_GATHERING_LARGE = 250;
/**
 * Between two writes of a pool that other nodes write too, milliseconds at most, and for each address that it holds: every
 * version goes whole to every node, so few writes of many steps cost all of them less than many of few.
 */
const LONGEST_REST = 500;
const REST_PER_ADDRESS = 0.1;
/** From so many addresses on the nodes that write a pool take turns. */
const LARGE = 1_000n;
/** So long before the first of its callers has to be answered, in milliseconds, a node writes whose turn it may be. */
const SHORTEST_ATTEMPT = 1_000;
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 400;

/**
 * Writes one pool object, one request at a time; what arrives meanwhile goes into the next one. The server works off
 * colliding patches of one object at a cost that grows with the square of the writers, so a node is one writer.
 */
export class PoolWriter {
  readonly #options: WriterOptions;
  #queue: Job[] = [];
  #running = false;
  #coming = 0;
  #arrived: (() => void) | undefined;
  #lastTook = LONGEST_GATHERING / 4;
  /** How many addresses the object had after the last write, or before one that comes long after it. */
  #held = 0n;
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return !this.#running && this.#coming === 0;
  }

  /** Announces a step that a reservation still has to allow; the function that is returned takes that back. */
  expect(): () => void {
    this.#coming++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#coming--;
      if (this.#coming === 0) this.#arrived?.();
    };
  }

  /** Carries out a step in one of the next writes. `deadline` by `clock.elapsed()`. */
  submit(op: PoolOp, deadline: number): Promise<OpResult> {
    const { promise, resolve } = Promise.withResolvers<OpResult>();
    this.#queue.push({ op, deadline, resolve });
    if (!this.#running) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    this.#running = true;
    for (let tries = 0; this.#queue.length > 0; ) {
      await this.#gather();
      const batch = this.#queue.splice(0, MAX_BATCH);
      const open = await this.#write(this.#settle(batch, false));
      this.#queue.unshift(...open);
      tries = open.length > 0 ? tries + 1 : 0;
      if (tries > 0) await sleep(clock, backoff(tries - 1, FIRST_PAUSE, LONGEST_PAUSE, clock));
    }
    this.#running = false;
  }

  /** Lets others have their turn, and waits for steps that are about to come, at most as long as a write takes. */
  async #gather(): Promise<void> {
    const { clock } = this.#options;
    const soonest = Math.min(...this.#queue.map(({ deadline }) => deadline));
    await sleep(clock, Math.max(0, Math.min(this.#restsUntil, soonest - ATTEMPT) - clock.elapsed()));
    if (this.#coming > 0) {
      const stop = new AbortController();
      this.#arrived = () => stop.abort();
      const longest = this.#isLarge() ? LONGEST_GATHERING_LARGE : Math.min(LONGEST_GATHERING, this.#lastTook);
      await sleep(clock, longest, stop.signal);
      this.#arrived = undefined;
    }
    await this.#takeTurn(soonest);
  }

  /** Lets nodes whose turn it is write a large pool first, as long as a write of our own still has time. */
  async #takeTurn(soonest: number): Promise<void> {
    const { state, name, order } = this.#options;
    const record = state.pool(name);
    if (!record || !this.#isLarge()) return;
    const leaving = this.#queue.find(({ op }) => op.kind === "remove")?.op.address;
    await order?.take(record, leaving, soonest - SHORTEST_ATTEMPT);
  }

  /** Writes all or nothing of a batch; the jobs that are still to be done come back. */
  async #write(batch: readonly Job[]): Promise<readonly Job[]> {
    if (batch.length === 0) return [];
    const { clock, state, sink, name } = this.#options;
    const fault = state.faultOf(name);
    if (fault !== undefined) return this.#fail(batch, contradiction(fault));
    const started = clock.elapsed();
    if (started > this.#restsUntil + LONGEST_REST) this.#held = heldIn(state, name);
    const answer = await this.#request(
      batch,
      Math.min(this.#isLarge() ? LONG_ATTEMPT : ATTEMPT, latest(batch) - started),
    );
    this.#lastTook = clock.elapsed() - started;
    if (answer.ok) {
      sink.putPool(answer.value);
      this.#rest(batch);
      for (const { resolve } of batch) resolve({ kind: "done" });
      return [];
    }
    const { error } = answer;
    for (const job of batch) job.error = error;
    if (error.retry === "transient" && !error.maybeDone) return batch;
    if (error.retry === "conflict" || error.maybeDone)
      return (await this.#refresh()) ? this.#settle(batch, true) : batch;
    const isOfObject = error.code === "too_large" || error.code === "invalid" || error.code === "bad_request";
    if (!isOfObject || batch.length === 1) return this.#fail(batch, error);
    return this.#divide(batch);
  }

  /** Others are at work where more or less has become of the pool than this batch has made of it. */
  #rest(batch: readonly Job[]): void {
    const { clock, state, name } = this.#options;
    const held = heldIn(state, name);
    const made = batch.reduce((sum, { op }) => sum + (op.kind === "remove" ? -1n : op.was ? 0n : 1n), 0n);
    const hasOthers = this.#held + made !== held;
    this.#held = held;
    const rest = Math.min(LONGEST_REST, 2 * this.#lastTook + Number(held) * REST_PER_ADDRESS);
    this.#restsUntil = clock.elapsed() + (hasOthers ? rest : 0);
  }

  /** One step that the server cannot take must not cost the others theirs; what frees goes before what fills. */
  async #divide(batch: readonly Job[]): Promise<readonly Job[]> {
    const removals = batch.filter(({ op }) => op.kind === "remove");
    const mixed = removals.length > 0 && removals.length < batch.length;
    const half = batch.length >> 1;
    const parts = mixed
      ? [removals, batch.filter(({ op }) => op.kind !== "remove")]
      : [batch.slice(0, half), batch.slice(half)];
    const open: Job[] = [];
    for (const part of parts) open.push(...(await this.#write(part)));
    return open;
  }

  #request(batch: readonly Job[], timeout: number): Answer<IPPool> {
    const { client, state, name, pool, labels } = this.#options;
    const record = state.pool(name);
    const { namespace } = client;
    const ops = batch.map(({ op }) => op);
    if (record) {
      const patch = poolPatch(record.pool, record.object, ops);
      return client.patch(IP_POOLS, { name, namespace }, { type: "json", patch }, { timeout });
    }
    const puts = ops.flatMap((op) =>
      op.kind === "put" ? [[offsetOf(pool, op.address), op.allocation]] : [],
    );
    const object: IPPool = {
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name, namespace, ...(labels && { labels }) },
      spec: { range: formatCidr(pool.range), allocations: Object.fromEntries(puts) },
    };
    return client.create(IP_POOLS, object, { timeout });
  }

  #isLarge(): boolean {
    const { state, name } = this.#options;
    return heldIn(state, name) >= LARGE;
  }

  /** Reads the object again; false if that fails. */
  async #refresh(): Promise<boolean> {
    const { client, state, sink, name } = this.#options;
    const before = state.pool(name)?.object;
    const found = await client.get(IP_POOLS, { name, namespace: client.namespace }, { timeout: ATTEMPT });
    if (found.ok) sink.putPool(found.value);
    else if (found.error.code === "not_found") sink.dropPool(name, before);
    else return false;
    return true;
  }

  /**
   * Answers the jobs whose fate the object as it is known decides, or whose time is over, and gives the others back.
   * Only an object that was just read (`fresh`) says that an address is ours.
   */
  #settle(batch: readonly Job[], fresh: boolean): readonly Job[] {
    const { clock, state, name } = this.#options;
    const record = state.pool(name);
    const now = clock.elapsed();
    return batch.filter((job) => {
      const { op, deadline, resolve } = job;
      const found = stateOf(op, record?.at(op.address));
      if (found === "lost") resolve({ kind: "lost" });
      else if (found === "done" && (fresh || op.kind === "remove")) resolve({ kind: "done" });
      else if (now >= deadline) resolve({ kind: "failed", error: job.error ?? LATE });
      else return true;
      return false;
    });
  }

  #fail(batch: readonly Job[], error: ApiError): readonly Job[] {
    for (const { resolve } of batch) resolve({ kind: "failed", error });
    return [];
  }
}

function heldIn(state: State, name: string): bigint {
  return state.pool(name)?.used.count ?? 0n;
}

function latest(batch: readonly Job[]): number {
  return Math.max(...batch.map(({ deadline }) => deadline));
}

/** Nobody has answered in time, nor refused. */
export const LATE: ApiError = {
  code: "timeout",
  retry: "transient",
  maybeDone: false,
  message: "the time of the caller was over before its turn came",
  hint: "many nodes write this pool at once, or the API server is slow; node_slice_size gives each node a pool of its own",
};

function contradiction(message: string): ApiError {
  const hint = "correct or delete that object; berth check says more";
  return { code: "invalid", retry: "permanent", maybeDone: false, message, hint };
}
