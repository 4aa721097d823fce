import { type Counter, Registry } from "../agent/metrics.ts";
import type { RenderIssue } from "./report.ts";

export type ObjectOutcome = "created" | "repaired" | "removed" | "refused";

/** What a pass over everything found. */
export type PassNote = {
  readonly issues: readonly RenderIssue[];
  /** Objects that are not as they should be, and why. */
  readonly problems: number;
  /** Milliseconds since 1970. */
  readonly now: number;
};

/** What the operator counts; docs/operate.md lists it. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #objects: Counter;
  #isLeader = false;
  #last: PassNote | undefined;
  #lastSuccess = 0;
  #blind: readonly string[] = [];

  constructor() {
    const { registry } = this;
    this.#objects = registry.counter(
      "berth_operator_objects_total",
      "Objects created, repaired or removed, and writes that were refused.",
      ["kind", "outcome"],
    );
    registry.gauge("berth_operator_issues", "Of the Network object at the last pass.", ["severity"], () => {
      const issues = this.#last?.issues ?? [];
      return (["error", "warning"] as const).map((severity) => [
        [severity],
        issues.filter((issue) => issue.severity === severity).length,
      ]);
    });
    registry.gauge("berth_operator_problems", "Objects that could not be made as wanted.", [], () => [
      [[], this.#last?.problems ?? 0],
    ]);
    registry.gauge("berth_operator_leader", "1 if this one does the work.", [], () => [
      [[], this.#isLeader ? 1 : 0],
    ]);
    registry.gauge(
      "berth_operator_last_success_timestamp_seconds",
      "When a pass last left everything as wanted; 0: not yet.",
      [],
      () => [[[], this.#lastSuccess / 1000]],
    );
    registry.gauge("process_resident_memory_bytes", "Memory of the process.", [], () => [
      [[], process.memoryUsage.rss()],
    ]);
  }

  /** Of one that does not lead nothing is known: its last pass is forgotten. */
  lead(isLeader: boolean): void {
    this.#isLeader = isLeader;
    this.#last = undefined;
    this.#blind = [];
  }

  count(object: string, outcome: ObjectOutcome): void {
    this.#objects.add([object.split(" ", 1)[0] ?? "", outcome]);
  }

  note(pass: PassNote): void {
    this.#blind = [];
    this.#last = pass;
    if (pass.problems === 0) this.#lastSuccess = pass.now;
  }

  /** Resources that cannot be read, so that no pass is possible. */
  noteBlind(plurals: readonly string[]): void {
    this.#blind = plurals;
  }

  /** Why the one that leads cannot work; who stands by is ready. */
  get unready(): readonly string[] {
    return this.#blind.map((plural) => `cannot read ${plural}`);
  }
}
