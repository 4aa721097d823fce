import { slicesIn } from "../allocation/slices.ts";
import { type Clock, sleep } from "../clock.ts";
import type { ApiError, KubeClient, KubeObject, Resource } from "../kube/api.ts";
import type { EventRecorder } from "../kube/events.ts";
import { ATTACHMENTS, IP_POOLS, NODE_SLICE_POOLS, NODES, type NodeSlicePool } from "../kube/objects.ts";
import { backoff } from "../kube/retry.ts";
import { WatchCache } from "../kube/watch-cache.ts";
import type { Log } from "../log.ts";
import { CONFIRMED } from "../store/kubernetes/slices/entitlement.ts";
import { findSlicePool, readRequest, readSlicePool } from "../store/kubernetes/slices/slice-pools.ts";
import { type Attachment, attachmentOf } from "./attachments.ts";
import { carryOut } from "./carry-out.ts";
import { groupsOf } from "./groups.ts";
import { planController, type Step, UNWANTED, type World } from "./plan.ts";
import { poolUseOf } from "./pool-use.ts";

export type ControllerOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  /** Told of each step that was tried. */
  readonly counted?: (kind: Step["kind"], outcome: "done" | "failed") => void;
};

/**
 * Milliseconds that a node has to be gone before its empty slices go to others: longer than a node that is cut off from the API
 * server, and does not know that it is gone, gives addresses.
 */
export const NODE_GONE = CONFIRMED + 10 * 60_000;
/** Wishes that come together are one write: a pass begins so long after the first, in milliseconds, or as long as the last one took. */
const LEAST_GATHER = 2;
const MOST_GATHER = 100;
/** Writes under way at a time. */
const AT_ONCE = 16;
const STAGES: readonly Step["kind"][] = ["create", "slices", "strike", "drop"];
const RESYNC = 60_000;
const PATIENCE = 10_000;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;

/** Gives nodes the slices that they ask for, and takes back those of nodes that are gone. Only the elected one may run. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #attachments: WatchCache<NonNullable<(typeof ATTACHMENTS)["shape"]>, Attachment>;
  readonly #nodes: WatchCache<NonNullable<(typeof NODES)["shape"]>, string>;
  readonly #pools: WatchCache<NodeSlicePool, NodeSlicePool>;
  readonly #held: WatchCache<
    NonNullable<(typeof IP_POOLS)["shape"]>,
    NonNullable<ReturnType<typeof poolUseOf>>
  >;
  #since = new Map<string, number>();
  #keepsConditions = true;
  /** When an object whose write failed is due again, and how often it failed. */
  readonly #pauses = new Map<string, { readonly due: number; readonly failures: number }>();
  /** Objects that are being written. */
  readonly #underWay = new Set<string>();
  #wake: (() => void) | undefined;
  #isDirty = true;

  constructor(options: ControllerOptions) {
    const { client, clock, log } = options;
    const { namespace } = client;
    const watch = <T extends KubeObject, V>(
      resource: Resource<T>,
      project: (object: T) => V | undefined,
      own = true,
    ) => {
      const scope = own ? { namespace } : {};
      const metadataOnly = resource.kind === NODES.kind;
      return new WatchCache<T, V>({ client, clock, log, resource, project, metadataOnly, ...scope });
    };
    this.#options = options;
    this.#attachments = watch(ATTACHMENTS, attachmentOf, false);
    this.#nodes = watch(NODES, ({ metadata }) => metadata.name, false);
    this.#pools = watch(NODE_SLICE_POOLS, (object) => object);
    this.#held = watch(IP_POOLS, poolUseOf);
  }

  /** Slices given out and wishes open, for the metrics. */
  get counts(): { readonly pools: number; readonly slices: number; readonly requests: number } {
    const { pools, requests } = this.#world();
    const slices = pools.reduce((sum, pool) => sum + pool.slices.filter(({ node }) => node !== "").length, 0);
    return { pools: pools.length, slices, requests: requests.length };
  }

  /** Slices of each pool that an attachment wants: given to nodes, and what could still be cut of its range. */
  get fill(): { readonly pool: string; readonly given: number; readonly free: number }[] {
    const { pools, attachments } = this.#world();
    return groupsOf(attachments, []).flatMap(({ wish, free }) => {
      const pool = findSlicePool(wish.network, wish.range, (name) => pools.find((one) => one.name === name));
      if (!pool) return [];
      const all = slicesIn({ network: pool.range, prefix: pool.prefix ?? wish.prefix, free });
      const given = pool.slices.filter(({ node }) => node !== "").length;
      return [{ pool: pool.name, given, free: Math.max(0, Number(all) - given) }];
    });
  }

  /** What could not be listed yet, so that nothing is decided. */
  get unready(): readonly string[] {
    return this.#caches.flatMap(({ isSynced, lastError, plural }) => {
      const why = lastError ? `: ${lastError.message} (${lastError.hint})` : "";
      return isSynced ? [] : [`${plural} have not been listed yet${why}`];
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const caches = this.#caches;
    const { clock } = this.#options;
    for (const cache of caches) {
      cache.onChange(() => {
        this.#isDirty = true;
        this.#wake?.();
      });
      cache.start();
    }
    while (!signal.aborted) {
      const synced = await Promise.all(caches.map((cache) => cache.whenSynced(PATIENCE, signal)));
      if (signal.aborted) break;
      // With half of the picture nothing is decided; the caches say in the log what they cannot see.
      if (synced.some(({ ok }) => !ok)) continue;
      this.#isDirty = false;
      const started = clock.elapsed();
      const pause = await this.#pass(signal);
      const took = clock.elapsed() - started;
      await this.#rest(pause, signal);
      await sleep(clock, Math.min(MOST_GATHER, Math.max(LEAST_GATHER, took)), signal);
    }
    await Promise.all(caches.map((cache) => cache.stop()));
  }

  get #caches() {
    return [this.#attachments, this.#nodes, this.#pools, this.#held];
  }

  /** Everything that is due, what belongs to different objects together. Milliseconds until the next one. */
  async #pass(signal: AbortSignal): Promise<number> {
    const { events } = this.#options;
    const { steps, tales, waits } = this.#plan();
    for (const { about, text } of tales) events.record(about, text);
    let pause = waits ? UNWANTED : this.#nextPass();
    const failed = new Set<string>();
    for (const kind of STAGES) {
      const due = steps.filter((step) => step.kind === kind && !this.#isBlocked(step, failed));
      const done = this.#together(due, failed, signal);
      // Whoever asks next need not wait until old wishes are struck out.
      if (kind !== "strike") await done;
    }
    for (const key of failed) {
      const known = this.#pauses.get(key);
      if (known) pause = Math.min(pause, Math.max(known.due - this.#options.clock.elapsed(), FIRST_PAUSE));
    }
    return signal.aborted ? 0 : pause;
  }

  /** Whether a step is under way, has to wait after a failure, or rests on one that failed. */
  #isBlocked(step: Step, failed: Set<string>): boolean {
    const key = keyOf(step);
    if (this.#underWay.has(key)) return true;
    const known = this.#pauses.get(key);
    const waits = known !== undefined && known.due > this.#options.clock.elapsed();
    const rests = step.kind === "strike" && failed.has(step.request.pool);
    if (waits || rests) failed.add(key);
    return waits || rests;
  }

  async #together(steps: readonly Step[], failed: Set<string>, signal: AbortSignal): Promise<void> {
    for (const step of steps) this.#underWay.add(keyOf(step));
    const left = [...steps];
    const work = async () => {
      for (let step = left.shift(); step; step = left.shift()) {
        if (!signal.aborted) await this.#try(step, failed);
        this.#underWay.delete(keyOf(step));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  async #try(step: Step, failed: Set<string>): Promise<void> {
    const { client, clock, log, counted } = this.#options;
    const key = keyOf(step);
    const written = await carryOut(step, { client, log, pools: this.#pools });
    counted?.(step.kind, written.ok ? "done" : "failed");
    if (written.ok) {
      this.#keepsConditions &&= !written.value.prunes;
      this.#pauses.delete(key);
      return;
    }
    failed.add(key);
    const failures = (this.#pauses.get(key)?.failures ?? 0) + 1;
    const later = backoff(failures - 1, FIRST_PAUSE, LONGEST_PAUSE, clock);
    this.#pauses.set(key, { due: clock.elapsed() + later, failures });
    this.#tellFailure(step, written.error);
  }

  #world(): World {
    const objects = [...this.#pools.values()];
    const pools = objects.flatMap((object) => readSlicePool(object) ?? []);
    const requests = objects.flatMap((object) => readRequest(object) ?? []);
    const { client, clock } = this.#options;
    const { namespace } = client;
    return {
      attachments: [...this.#attachments.values()],
      pools,
      requests,
      isNode: (name) => this.#nodes.get({ name }) !== undefined,
      use: (name) => this.#held.get({ name, namespace }),
      uses: () => this.#held.values(),
      lasts: () => false,
      keepsConditions: this.#keepsConditions,
      now: clock.now(),
    };
  }

  /** Since when things are so is counted by our own clock; what the plan asks for no more is forgotten. */
  #plan() {
    const now = this.#options.clock.elapsed();
    const before = this.#since;
    const since = new Map<string, number>();
    const lasts = (what: string, isSo: boolean, ms: number) => {
      if (!isSo) return false;
      const from = since.get(what) ?? before.get(what) ?? now;
      since.set(what, from);
      return now - from >= ms;
    };
    const plan = planController({ ...this.#world(), lasts }, NODE_GONE);
    this.#since = since;
    return plan;
  }

  /** Milliseconds until something may be due without any news. */
  #nextPass(): number {
    const now = this.#options.clock.elapsed();
    const isDueSoon = [...this.#since.values()].some((from) => now - from < UNWANTED);
    return isDueSoon ? UNWANTED : RESYNC;
  }

  async #rest(pause: number, signal: AbortSignal): Promise<void> {
    if (this.#isDirty) return;
    const stop = new AbortController();
    this.#wake = () => stop.abort();
    await sleep(this.#options.clock, pause, AbortSignal.any([signal, stop.signal]));
    this.#wake = undefined;
  }

  #tellFailure(step: Step, { code, retry, message, hint }: ApiError): void {
    if (retry === "conflict") return; // overtaken: the next pass sees why
    this.#options.log("error", "the controller cannot write", {
      object: keyOf(step),
      step: step.kind,
      code,
      message,
      hint,
    });
  }
}

/** The object that a step writes. */
function keyOf(step: Step): string {
  if (step.kind === "create") return step.name;
  return step.kind === "strike" ? step.request.object.metadata.name : step.pool.name;
}
