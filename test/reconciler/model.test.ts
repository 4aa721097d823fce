import { expect, test } from "bun:test";
import fc from "fast-check";
import { Model, STEPS, type Step } from "./model.ts";
import { Trial } from "./trial.ts";

/** Histories; more of them with RECONCILER_RUNS=5000. */
const RUNS = Number(process.env.RECONCILER_RUNS ?? 60);

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(...STEPS),
  pod: fc.nat(5),
  node: fc.nat(3),
});

async function play(seed: number, steps: readonly Step[]): Promise<string[]> {
  const trial = await new Trial(seed).ready();
  const stop = trial.start();
  const model = new Model(trial);
  await model.prepare();
  const problems: string[] = [];
  for (const one of steps) {
    await model.do(one);
    problems.push(...model.problems().map((problem) => `after ${JSON.stringify(one)}: ${problem}`));
    if (problems.length > 0) break;
  }
  if (problems.length === 0) problems.push(...(await model.settle()));
  await stop();
  await trial.knowledge.stop();
  trial.store.close();
  return problems;
}

test("whatever happens to pods, nodes and the API: no live pod loses its address, and in the end nothing is left of the dead", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1 }),
      fc.array(step, { minLength: 10, maxLength: 60 }),
      async (seed, steps) => {
        expect(await play(seed, steps)).toEqual([]);
      },
    ),
    { numRuns: RUNS },
  );
}, 600_000);
