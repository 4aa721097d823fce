import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { countOf, subtract } from "./interval.ts";
import { IntervalSet } from "./interval-set.ts";

describe("IntervalSet", () => {
  test("behaves as a set of numbers and keeps maximal runs", () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 60 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const set = new IntervalSet();
        const model = new Set<number>();
        for (const [adds, value] of steps) {
          const changed = adds ? set.add(BigInt(value)) : set.delete(BigInt(value));
          expect(changed).toBe(adds ? !model.has(value) : model.delete(value));
          if (adds) model.add(value);
        }
        expect(set.count).toBe(BigInt(model.size));
        for (let value = -1; value <= 61; value++) expect(set.has(BigInt(value))).toBe(model.has(value));
        const runs = [...set.runs()];
        expect(countOf(runs)).toBe(BigInt(model.size));
        for (const [index, run] of runs.entries()) {
          expect(set.runAt(run.last)).toEqual(run);
          const next = runs[index + 1];
          if (next) expect(next.first > run.last + 1n).toBe(true);
        }
      }),
    );
  });

  test("many runs: chunks are split and emptied in any order", () => {
    const order = fc.shuffledSubarray(
      Array.from({ length: 4000 }, (_, index) => index),
      { minLength: 4000, maxLength: 4000 },
    );
    fc.assert(
      fc.property(order, order, (adding, removing) => {
        const set = new IntervalSet();
        for (const value of adding) set.add(BigInt(value) * 2n);
        expect([...set.runs()].length).toBe(4000);
        expect([...set.runs()].every((run, index) => run.first === BigInt(index) * 2n)).toBe(true);
        for (const value of removing) expect(set.delete(BigInt(value) * 2n)).toBe(true);
        expect([...set.runs()]).toEqual([]);
      }),
      { numRuns: 5 },
    );
  });
});

describe("subtract", () => {
  test("leaves just the numbers that are in no hole", () => {
    const hole = fc.tuple(fc.integer({ min: -5, max: 40 }), fc.nat(10));
    fc.assert(
      fc.property(fc.array(hole, { maxLength: 8 }), (holes) => {
        const intervals = holes.map(([first, size]) => ({
          first: BigInt(first),
          last: BigInt(first + size),
        }));
        const rest = subtract({ first: 0n, last: 30n }, intervals);
        for (let value = 0n; value <= 30n; value++) {
          const free = !intervals.some(({ first, last }) => first <= value && value <= last);
          expect(rest.filter(({ first, last }) => first <= value && value <= last).length).toBe(free ? 1 : 0);
        }
        expect(rest.every(({ first, last }) => first >= 0n && last <= 30n)).toBe(true);
      }),
    );
  });

  test("a hole of 2^100 addresses costs nothing (whereabouts issue 282)", () => {
    const whole = { first: 0n, last: (1n << 120n) - 1n };
    expect(subtract(whole, [{ first: 0n, last: (1n << 100n) - 1n }])).toEqual([
      { first: 1n << 100n, last: whole.last },
    ]);
  });
});
