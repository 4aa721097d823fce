import { type Clock, sleep } from "../clock.ts";
import type { KubeClient } from "../kube/api.ts";
import { EventRecorder, referenceTo } from "../kube/events.ts";
import type { Log } from "../log.ts";
import { carryOut } from "./carry-out.ts";
import { networksReady, type Verdict, workloadsReady } from "./conditions.ts";
import type { ObjectOutcome, OperatorMetrics } from "./metrics.ts";
import { Pace } from "./pace.ts";
import { type PlanOptions, type Problem, planOf } from "./plan.ts";
import { type Reading, readNetwork } from "./render.ts";
import { StatusWriter } from "./status-writer.ts";
import { type Blindness, View } from "./view.ts";

export type OperatorOptions = PlanOptions & {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: OperatorMetrics;
};

const OUTCOMES = { Created: "created", Repaired: "repaired", Removed: "removed" } as const;

/** Milliseconds. Changes that come together are one pass; without any there is a pass now and then. */
const GATHER = 200;
const RESYNC = 10 * 60_000;
const PATIENCE = 10_000;
const BLIND_PAUSE = 5_000;
const RETRY = 2_000;

/** Makes the cluster what the Network object and the users' attachments ask for, until the signal aborts. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #view: View;
  readonly #pace: Pace;
  readonly #events: EventRecorder;
  readonly #status: StatusWriter;
  #wake: (() => void) | undefined;
  #isDirty = true;
  #told = "";

  constructor(options: OperatorOptions) {
    const { client, clock, log, settings } = options;
    this.#options = options;
    this.#view = new View({ client, clock, log, namespace: settings.namespace });
    this.#pace = new Pace(clock);
    this.#events = new EventRecorder({ client, clock, log, component: "berth-operator" });
    this.#status = new StatusWriter({ client, clock, log });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#view.onChange(() => {
      this.#isDirty = true;
      this.#wake?.();
    });
    this.#view.start();
    while (!signal.aborted) {
      const blind = await this.#view.whenReady(PATIENCE, signal);
      if (signal.aborted) break;
      this.#isDirty = false;
      const again = blind.length > 0 ? await this.#tellBlind(blind) : await this.#pass(signal);
      await this.#rest(again, signal);
    }
    await this.#view.stop();
    await this.#events.flush();
  }

  /** One look at everything; milliseconds until the next one, unless something changes. */
  async #pass(signal: AbortSignal): Promise<number> {
    const { client, clock, log, metrics } = this.#options;
    const { network } = this.#view;
    const reading = this.#read();
    const snapshot = {
      network,
      reading,
      attachments: this.#view.attachments,
      workloads: this.#view.workloads,
      hasNamespace: (name: string) => this.#view.hasNamespace(name),
    };
    const plan = planOf(snapshot, this.#options);
    const count = (name: string, outcome: ObjectOutcome) => metrics?.count(name, outcome);
    const tell = (reason: keyof typeof OUTCOMES, name: string) => {
      count(name, OUTCOMES[reason]);
      this.#event("Normal", reason, `${reason} ${name}`);
    };
    const refused = (name: string) => count(name, "refused");
    const hands = { client, clock, log, view: this.#view, pace: this.#pace, tell, refused };
    const outcome = await carryOut(plan.actions, hands, signal);
    if (signal.aborted) return 0;
    const problems = [...plan.problems, ...outcome.problems];
    metrics?.note({ issues: reading.issues, problems: problems.length, now: clock.now() });
    const ofWorkloads = problems.filter(({ path }) => this.#isWorkload(path));
    const ofNetworks = problems.filter(({ path }) => !this.#isWorkload(path));
    const verdicts = [
      networksReady(reading.issues, ofNetworks, reading.attachments.length),
      workloadsReady(plan.triggers, this.#view.workloads, ofWorkloads),
    ];
    const isTold = await this.#report(verdicts);
    // A namespace that is missing tells of itself when it comes.
    return Math.min(outcome.again ?? RESYNC, isTold ? RESYNC : RETRY);
  }

  /** Until the Network object is known, nothing that exists is taken away. */
  #read(): Reading {
    const reading = readNetwork(this.#view.network ?? {});
    return this.#view.knowsNetwork ? reading : { ...reading, isComplete: false };
  }

  #isWorkload(path: string): boolean {
    return /^(?:DaemonSet|Deployment|PodDisruptionBudget) /.test(path);
  }

  async #tellBlind(blind: readonly Blindness[]): Promise<number> {
    const problems = blind.map(({ plural, error }): Problem => {
      const { message, hint } = error;
      return { reason: error.code === "forbidden" ? "Forbidden" : "CannotRead", path: plural, message, hint };
    });
    this.#options.metrics?.noteBlind(blind.map(({ plural }) => plural));
    await this.#report([networksReady([], problems, 0), workloadsReady(NOBODY, [], problems)]);
    return BLIND_PAUSE;
  }

  /** Log, Event and condition; each says a thing once. False: the condition should be tried again. */
  async #report(verdicts: readonly Verdict[]): Promise<boolean> {
    const told = JSON.stringify(verdicts);
    if (told !== this.#told) {
      for (const { type, status, reason, message } of verdicts) {
        const isBad = status !== "True" && reason !== "Starting";
        this.#options.log(isBad ? "error" : "verbose", type, { status, reason, message });
        if (isBad) this.#event("Warning", reason, message);
      }
    }
    this.#told = told;
    const { network } = this.#view;
    const written = network && (await this.#status.write(network, verdicts));
    if (written === "again") return false;
    if (written) this.#view.putNetwork(written);
    return true;
  }

  #event(type: "Normal" | "Warning", reason: string, message: string): void {
    const { network } = this.#view;
    if (network) this.#events.record(referenceTo(network), { type, reason, message });
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (!this.#isDirty) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await sleep(clock, ms, AbortSignal.any([signal, woken.signal]));
      this.#wake = undefined;
    }
    if (this.#isDirty) await sleep(clock, GATHER, signal);
  }
}

const NOBODY = { dhcp: false, whereabouts: false };
