import type { Defect } from "./defect.ts";
import { run } from "./run.ts";
import { generate, type Scenario } from "./scenario.ts";
import type { Violation } from "./violation.ts";

/** What many runs have shown. */
export type Campaign = {
  readonly scenarios: number;
  readonly steps: number;
  /** How often each kind of event and fault has come. */
  readonly coverage: Map<string, number>;
  readonly failure?: { readonly scenario: Scenario; readonly violation: Violation };
};

/** Runs the scenarios of the seeds from `seed` on until so many steps are done, or one of them breaks a promise. */
export function campaign(
  seed: number,
  steps: number,
  defect: Defect = {},
  progress: (soFar: Campaign) => void = () => undefined,
): Campaign {
  const coverage = new Map<string, number>();
  let done = 0;
  for (let count = 0; ; count++) {
    const soFar = { scenarios: count, steps: done, coverage };
    progress(soFar);
    if (done >= steps) return soFar;
    const scenario = generate(seed + count);
    const outcome = run(scenario, defect);
    done += outcome.steps;
    for (const [kind, times] of outcome.coverage) coverage.set(kind, (coverage.get(kind) ?? 0) + times);
    const { violation } = outcome;
    if (violation) return { scenarios: count + 1, steps: done, coverage, failure: { scenario, violation } };
  }
}
