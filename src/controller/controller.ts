import { type Clock, sleep } from "../clock.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { ApiError, JsonPatch, KubeClient, KubeObject, Resource } from "../kube/api.ts";
import type { EventRecorder } from "../kube/events.ts";
import {
  ATTACHMENTS,
  apiVersionOf,
  IP_POOLS,
  NODE_SLICE_POOLS,
  NODES,
  type NodeSlicePool,
} from "../kube/objects.ts";
import { backoff } from "../kube/retry.ts";
import { WatchCache } from "../kube/watch-cache.ts";
import type { Log } from "../log.ts";
import { CONFIRMED } from "../store/kubernetes/slices/entitlement.ts";
import { CLOSING, REALM, readRequest, readSlicePool } from "../store/kubernetes/slices/slice-pools.ts";
import { type Attachment, attachmentOf } from "./attachments.ts";
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
/** Wishes that come together are one write. */
const GATHER = 20;
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

  /** What could not be listed yet, so that nothing is decided. */
  get unready(): readonly string[] {
    return this.#caches.flatMap(({ isSynced, lastError, plural }) => {
      const why = lastError ? `: ${lastError.message} (${lastError.hint})` : "";
      return isSynced ? [] : [`${plural} have not been listed yet${why}`];
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const caches = this.#caches;
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
      const pause = await this.#pass(signal);
      await this.#rest(pause, signal);
      await sleep(this.#options.clock, GATHER, signal);
    }
    await Promise.all(caches.map((cache) => cache.stop()));
  }

  get #caches() {
    return [this.#attachments, this.#nodes, this.#pools, this.#held];
  }

  async #pass(signal: AbortSignal): Promise<number> {
    const { clock, events } = this.#options;
    const { steps, tales } = this.#plan();
    for (const { about, text } of tales) events.record(about, text);
    let pause = this.#nextPass();
    const failed = new Set<string>();
    for (const step of steps) {
      if (signal.aborted) return 0;
      const key = keyOf(step);
      const known = this.#pauses.get(key);
      const wait = known ? known.due - clock.elapsed() : 0;
      if (wait > 0 || (step.kind === "strike" && failed.has(step.request.pool))) {
        failed.add(key);
        pause = Math.min(pause, Math.max(wait, FIRST_PAUSE));
        continue;
      }
      const error = await this.#carryOut(step);
      this.#options.counted?.(step.kind, error ? "failed" : "done");
      if (!error) {
        this.#pauses.delete(key);
        continue;
      }
      failed.add(key);
      const failures = (known?.failures ?? 0) + 1;
      const later = backoff(failures - 1, FIRST_PAUSE, LONGEST_PAUSE, clock);
      this.#pauses.set(key, { due: clock.elapsed() + later, failures });
      pause = Math.min(pause, later);
      this.#tellFailure(step, error);
    }
    return pause;
  }

  /** Undefined: done. Every write tests the version that the plan rests on, so one that is overtaken changes nothing. */
  async #carryOut(step: Step): Promise<ApiError | undefined> {
    const { client, log } = this.#options;
    const { namespace } = client;
    if (step.kind === "create") {
      const { name, wish } = step;
      const made = await client.create(NODE_SLICE_POOLS, {
        apiVersion: apiVersionOf(NODE_SLICE_POOLS),
        kind: NODE_SLICE_POOLS.kind,
        metadata: { name, namespace, annotations: { [REALM]: wish.networkName } },
        spec: { range: formatCidr(wish.range), sliceSize: `/${wish.prefix}` },
      });
      if (!made.ok) return made.error.code === "already_exists" ? undefined : made.error;
      this.#pools.put(made.value);
      log("verbose", "slice pool created", { pool: name, range: formatCidr(wish.range) });
      return undefined;
    }
    if (step.kind === "slices") {
      const { metadata } = step.pool.object;
      const patch = patchOf(step);
      const written = await client.patch(
        NODE_SLICE_POOLS,
        { name: metadata.name, namespace },
        { type: "json", patch },
      );
      if (!written.ok) return written.error;
      this.#pools.put(written.value);
      const { slices, prefix, isClosing, conditions } = step.after;
      if (conditions.length > 0 && !written.value.status?.conditions) this.#keepsConditions = false;
      const given = slices.filter(({ nodeName }) => nodeName !== "").length;
      log("verbose", "slice pool written", { pool: metadata.name, given, prefix, isClosing });
      return undefined;
    }
    const { metadata } = step.kind === "strike" ? step.request.object : step.pool.object;
    const { name, uid, resourceVersion } = metadata;
    const only = { ...(uid && { uid }), ...(step.kind === "drop" && resourceVersion && { resourceVersion }) };
    const gone = await client.delete(NODE_SLICE_POOLS, { name, namespace }, only);
    if (!gone.ok && gone.error.code !== "not_found") return gone.error;
    this.#pools.remove({ name, namespace }, uid);
    if (step.kind === "drop") log("verbose", "slice pool deleted: no attachment wants it", { pool: name });
    return undefined;
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

function patchOf({ pool, after }: Extract<Step, { kind: "slices" }>): JsonPatch {
  const { resourceVersion, annotations = {} } = pool.object.metadata;
  const { [CLOSING]: _, ...others } = annotations;
  const kept = { ...others, ...(after.isClosing && { [CLOSING]: "true" }) };
  const { slices: allocations, conditions, prefix } = after;
  const status = { allocations, ...(conditions.length > 0 && { conditions }) };
  return [
    { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
    ...(after.isClosing === pool.isClosing
      ? []
      : [{ op: "add", path: "/metadata/annotations", value: kept } as const]),
    ...(prefix === pool.prefix ? [] : [{ op: "add", path: "/spec/sliceSize", value: `/${prefix}` } as const]),
    { op: "add", path: "/status", value: status },
  ];
}

/** The object that a step writes. */
function keyOf(step: Step): string {
  if (step.kind === "create") return step.name;
  return step.kind === "strike" ? step.request.object.metadata.name : step.pool.name;
}
