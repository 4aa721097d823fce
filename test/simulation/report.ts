import type { Defect } from "./defect.ts";
import { run } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import type { Violation } from "./violation.ts";

const LINES = 80;

/** What somebody needs to understand a failure: its smallest scenario, and what happened to those whom it names. */
export function report(scenario: Scenario, { rule }: Violation, defect: Defect = {}): string {
  const small = shrink(scenario, rule, defect);
  const lines: string[] = [];
  const { violation, steps } = run(small, defect, {
    trace: (at, line) => lines.push(`${(at / 1000).toFixed(3).padStart(9)}  ${line}`),
  });
  const names = new Set(
    (violation?.message ?? "").match(/(?:default\/)?(?:pod|sandbox|node)-\w+|[0-9a-f.:]+::?[0-9a-f.:]+/g) ??
      [],
  );
  const matters = lines.filter((line) => [...names].some((name) => mentions(line, name)));
  return [
    `${rule}: ${violation?.message ?? ""}`,
    `SEED=${scenario.seed}; shrunk from ${scenario.actions.length} actions to ${small.actions.length}, ${steps} steps.`,
    "A test keeps it as a file of test/simulation/regressions:",
    JSON.stringify(small),
    `The last ${Math.min(LINES, matters.length)} of ${matters.length} lines about ${[...names].join(", ")}:`,
    ...matters.slice(-LINES).map((line) => line.slice(0, 300)),
  ].join("\n");
}

function mentions(line: string, name: string): boolean {
  const at = line.indexOf(name);
  return at >= 0 && !/\w/.test(line[at + name.length] ?? "");
}
