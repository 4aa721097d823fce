import { type Clock, sleep } from "../clock.ts";
import type { KubeClient } from "../kube/api.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { Log } from "../log.ts";
import { HistoryKeeper } from "./history/keeper.ts";
import { Knowledge } from "./knowledge.ts";
import type { ReconcilerMetrics } from "./metrics.ts";
import { Passes } from "./pass.ts";
import type { Schedule } from "./schedule.ts";
import type { Scope } from "./survey.ts";
import { Teller } from "./tell.ts";

export type ReconcilerOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly schedule: Schedule;
  readonly events: EventRecorder;
  readonly metrics: ReconcilerMetrics;
  /** Milliseconds between the two looks at what is stranded. */
  readonly grace: number;
  readonly scope?: Scope;
};

/**
 * Longer than the 50 s after which the control plane calls a silent node NotReady: by the second look it is known whether the node
 * that a pod was deleted from by force is still there.
 */
export const DEFAULT_GRACE = 60_000;

/** Milliseconds. A look costs no request, so it is taken often even if nothing is heard. */
const RESYNC = 60_000;
/** What happens within this time is looked at together. */
const GATHER = 500;
/** A look takes at most this share of the time: the next one waits so many times as long as the last took. */
const REST = 20;
const SYNC = 30_000;
/** Runs of the schedule are spread over so many milliseconds, since many clusters share storage and start at :00. */
const JITTER = 5_000;

type Trigger = "start" | "schedule" | "change" | "due" | "resync";

/** Keeps comparing what is recorded with what there is, as long as it leads. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #teller: Teller;
  readonly #jitter: number;
  #unready: readonly string[] = [];

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#teller = new Teller(options.log, options.events);
    this.#jitter = Math.floor(options.clock.random() * JITTER);
  }

  /** Why nothing can be freed now; nothing for one that stands by. */
  get unready(): readonly string[] {
    return this.#unready;
  }

  /** Works until the signal aborts; never rejects. What it knows lives as long as this does. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, log, grace, scope, schedule } = this.#options;
    const node = scope?.node;
    const knowledge = new Knowledge({ client, clock, log, ...(node !== undefined && { node }) });
    const passes = new Passes({ client, clock, knowledge, grace, ...(scope && { scope }) });
    const bell = new Bell(clock);
    knowledge.onChange(() => bell.ring());
    let scheduled = this.#nextRun();
    const unsubscribe = schedule.onChange(() => {
      scheduled = this.#nextRun();
      bell.ring();
    });
    let keeping: Promise<void> | undefined;
    this.#unready = ["not everything has been listed yet"];
    try {
      log("debug", "NewReconcileLooper - inferred connection data", { server: client.server });
      while (!signal.aborted) {
        const synced = await knowledge.whenSynced(SYNC, signal);
        if (synced.ok) break;
        const { message, hint } = synced.error;
        this.#unready = [`not everything has been listed yet: ${message} (${hint})`];
        log("error", `nothing is freed until everything has been listed: ${message}`, { hint });
      }
      this.#unready = [];
      // Whoever looks after one node only is not alone in seeing what ends.
      if (node === undefined)
        keeping = new HistoryKeeper({ client, clock, log, state: knowledge.state }).run(signal);
      let trigger: Trigger = "start";
      while (!signal.aborted) {
        const { next, took } = await this.#pass(passes, trigger, signal);
        const now = clock.now();
        if (trigger === "schedule") scheduled = this.#nextRun();
        const toSchedule = scheduled === undefined ? RESYNC : Math.max(0, scheduled - now);
        const wait = Math.min(RESYNC, next ?? RESYNC, toSchedule);
        const rang = await bell.wait(wait, Math.max(GATHER, took * REST), signal);
        if (scheduled !== undefined && clock.now() >= scheduled) trigger = "schedule";
        else if (rang) trigger = "change";
        else trigger = next !== undefined && wait === next ? "due" : "resync";
      }
    } finally {
      this.#unready = [];
      unsubscribe();
      await keeping;
      await knowledge.stop();
    }
  }

  async #pass(passes: Passes, trigger: Trigger, signal: AbortSignal) {
    const { clock, log, metrics } = this.#options;
    const isRun = trigger === "schedule" || trigger === "start";
    if (isRun) {
      log("verbose", "starting reconciler run", { trigger });
      log("debug", "listing IP pools");
    }
    const startedAt = clock.elapsed();
    const pass = await passes.run(signal);
    const took = clock.elapsed() - startedAt;
    this.#teller.tell(pass, isRun, took);
    metrics.note(pass, trigger, took, clock.now());
    return { next: pass.next, took };
  }

  #nextRun(): number | undefined {
    const next = this.#options.schedule.next(this.#options.clock.now());
    return next === undefined ? undefined : next + this.#jitter;
  }
}

/** Wakes the one who waits. */
class Bell {
  readonly #clock: Clock;
  #rang = false;
  #wake: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rang = true;
    this.#wake?.abort();
  }

  /** Waits for `ms`, or until it rings but `least` at least; whether it rang. */
  async wait(ms: number, least: number, signal: AbortSignal): Promise<boolean> {
    const started = this.#clock.elapsed();
    if (!this.#rang) {
      this.#wake = new AbortController();
      await sleep(this.#clock, ms, AbortSignal.any([signal, this.#wake.signal]));
      this.#wake = undefined;
    }
    if (!this.#rang) return false;
    const left = Math.min(ms, least) - (this.#clock.elapsed() - started);
    if (left > 0) await sleep(this.#clock, left, signal);
    this.#rang = false;
    return true;
  }
}
