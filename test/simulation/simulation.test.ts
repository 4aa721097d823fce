import { expect, test } from "bun:test";
import { run } from "./run.ts";
import { generate } from "./scenario.ts";

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

test("ten clusters with all kinds of faults keep every promise", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { violation } = run(generate(seed));
    if (violation) throw new Error(`SEED=${seed}: ${violation.rule}: ${violation.message}`);
  }
}, 60_000);
