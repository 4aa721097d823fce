/** `make sim SEED=.. STEPS=..`: runs scenarios from a seed on, until so many steps are done or one fails. */

import { run } from "./run.ts";
import { generate } from "./scenario.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const steps = Number(process.env.STEPS ?? 200_000);
const started = performance.now();
let done = 0;
const coverage = new Map<string, number>();
for (let one = seed; done < steps; one++) {
  const outcome = run(generate(one));
  done += outcome.steps;
  for (const [kind, count] of outcome.coverage) coverage.set(kind, (coverage.get(kind) ?? 0) + count);
  console.log(
    one,
    outcome.steps,
    Math.round(outcome.elapsed / 1000),
    outcome.given,
    Math.round((done / (performance.now() - started)) * 1000),
  );
  if (outcome.violation) {
    console.log(outcome.violation.rule, outcome.violation.message);
    const lines: string[] = [];
    if (process.env.TRACE) {
      run(generate(one), {}, { trace: (at, line) => lines.push(`${(at / 1000).toFixed(3)} ${line}`) });
      console.log(lines.slice(-Number(process.env.TRACE)).join("\n"));
    }
    if (!process.env.ON) process.exit(1);
  }
}
console.log(
  [...coverage]
    .sort()
    .map(([k, n]) => `${k} ${n}`)
    .join(", "),
);
