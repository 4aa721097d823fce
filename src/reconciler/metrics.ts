import { type Counter, type Histogram, Registry } from "../agent/metrics.ts";
import { caseRecord } from "./describe.ts";
import type { Pass } from "./pass.ts";
import type { Schedule } from "./schedule.ts";
import type { Remark } from "./survey.ts";

/** Seconds: from a look at a small cluster to one whose API server is slow. */
const DURATION = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60];
const KEPT: readonly Remark["code"][] = [
  "node_down",
  "no_owner",
  "address_twice",
  "unreadable",
  "reservation_unknown",
];

/** What the reconciler counts; docs/reconciler.md lists it. */
export class ReconcilerMetrics {
  readonly registry = new Registry();
  readonly #mended: Counter;
  readonly #runs: Counter;
  readonly #seconds: Histogram;
  #last: Pass | undefined;
  #lastSuccess = 0;

  constructor(schedule: Schedule, isLeader: () => boolean) {
    const { registry } = this;
    this.#mended = registry.counter(
      "berth_reconciler_mended_total",
      "Addresses freed, reservations deleted or created; by what was wrong and what became of it.",
      ["action", "reason", "outcome"],
    );
    this.#runs = registry.counter("berth_reconciler_runs_total", "Comparisons of everything.", [
      "trigger",
      "outcome",
    ]);
    this.#seconds = registry.histogram(
      "berth_reconciler_run_duration_seconds",
      "Time of one run.",
      [],
      DURATION,
    );
    registry.gauge("berth_reconciler_remarks", "Found and left alone at the last run.", ["code"], () =>
      KEPT.map((code) => [
        [code],
        this.#last?.survey.remarks.filter((remark) => remark.code === code).length ?? 0,
      ]),
    );
    registry.gauge("berth_reconciler_allocations", "Allocations at the last run.", ["state"], () => {
      const { allocations = 0, live = 0, cases = [] } = this.#last?.survey ?? {};
      const stranded = cases.filter(({ kind }) => kind === "stranded").length;
      return [
        [["live"], live],
        [["stranded"], stranded],
        [["kept"], allocations - live - stranded],
      ];
    });
    registry.gauge("berth_reconciler_schedule_valid", "1 if the configured schedule can be read.", [], () => [
      [[], schedule.isValid ? 1 : 0],
    ]);
    registry.gauge("berth_reconciler_leader", "1 if this one does the work.", [], () => [
      [[], isLeader() ? 1 : 0],
    ]);
    registry.gauge(
      "berth_reconciler_last_success_timestamp_seconds",
      "When everything was last compared; 0: not yet.",
      [],
      () => [[[], this.#lastSuccess / 1000]],
    );
    registry.gauge("process_resident_memory_bytes", "Memory of the process.", [], () => [
      [[], process.memoryUsage.rss()],
    ]);
  }

  /** Notes a pass; `ms` it took, `now` in milliseconds since 1970. */
  note(pass: Pass, trigger: string, ms: number, now: number): void {
    this.#last = pass;
    const failed = pass.error !== undefined || pass.results.some(({ mended }) => mended.kind === "failed");
    this.#runs.add([trigger, failed ? "failure" : "success"]);
    this.#seconds.observe([], ms / 1000);
    if (!failed) this.#lastSuccess = now;
    for (const { one, mended } of pass.results) {
      const { action, why, outcome } = caseRecord(one, mended.kind);
      this.#mended.add([action, why, outcome]);
    }
  }
}
