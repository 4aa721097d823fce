import { expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { campaign } from "./campaign.ts";
import { DEFECTS } from "./defects.ts";
import { report } from "./report.ts";
import { run } from "./run.ts";
import { generate, type Scenario } from "./scenario.ts";
import { shrink } from "./shrink.ts";

/** Steps of each campaign: about half a minute on two busy cores for both. */
const STEPS = Number(process.env.SIMULATION_STEPS ?? 150_000);
const LIMIT = 600_000;

function keepsEveryPromise(seed: number): void {
  const { failure } = campaign(seed, STEPS);
  if (failure) throw new Error(report(failure.scenario, failure.violation));
}

test("a run depends on its seed alone", () => {
  const trace = () => {
    const lines: string[] = [];
    run(generate(2), {}, { trace: (at, line) => lines.push(`${at} ${line}`) });
    return lines;
  };
  const first = trace();
  expect(first.length).toBeGreaterThan(100);
  expect(trace()).toEqual(first);
});

test("clusters of fixed seeds keep every promise", () => keepsEveryPromise(1), LIMIT);

const fresh = 1_000 + (Date.now() % 1_000_000);
test(`clusters of fresh seeds keep every promise: SEED=${fresh}`, () => keepsEveryPromise(fresh), LIMIT);

const folder = join(import.meta.dir, "regressions");
for (const name of [...new Glob("*.json").scanSync(folder)].sort()) {
  test(`what once failed: ${name}`, async () => {
    const scenario: Scenario = await Bun.file(join(folder, name)).json();
    expect(run(scenario).violation).toBeUndefined();
  });
}

for (const { name, within, defect } of DEFECTS) {
  test(
    `a defect is found: ${name}`,
    () => {
      const { failure, steps } = campaign(1, within, defect);
      if (!failure) throw new Error(`not found within ${within} steps`);
      const { scenario, violation } = failure;
      console.log(
        `${name}: seed ${scenario.seed} after ${steps} steps: ${violation.rule}: ${violation.message}`,
      );
    },
    LIMIT,
  );
}

test(
  "a failing scenario shrinks to what it takes",
  () => {
    // One that shows early, so that a run costs little.
    const half = DEFECTS.find(({ name }) => name.startsWith("half"))?.defect;
    const { failure } = campaign(1, 100_000, half);
    if (!failure) throw new Error("nothing fails");
    const { scenario, violation } = failure;
    const small = shrink(scenario, violation.rule, half, 40);
    expect(small.actions.length).toBeLessThan(scenario.actions.length / 2);
    expect(run(small, half).violation?.rule).toBe(violation.rule);
  },
  LIMIT,
);
