import { expect, test } from "bun:test";
import fc from "fast-check";
import { systemClock } from "../../clock.ts";
import { type Address, addressOf } from "../../ip/address.ts";
import { parseCidr } from "../../ip/cidr.ts";
import { countOf, type Interval } from "../../ip/interval.ts";
import { Spread } from "./spread.ts";

const parsed = parseCidr("10.0.0.0/24");
if (!parsed.ok) throw new Error(parsed.error.hint);
const pool = { networkName: "", range: parsed.value };
const { base } = pool.range;
const at = (host: number): Address => addressOf(4, base + BigInt(host));
const run = (first: number, last: number): Interval => ({ first: at(first).value, last: at(last).value });

function onClock(random: () => number) {
  let now = 0;
  const spread = new Spread({ ...systemClock, elapsed: () => now, random });
  const pass = (ms: number) => {
    now += ms;
  };
  return { spread, pass };
}

test("the lowest addresses come first until a race is lost, and again when it is over", () => {
  const { spread, pass } = onClock(() => 0.5);
  const free = [run(1, 254)];
  expect(spread.order(pool, free)).toEqual(free);
  spread.lost(pool, at(1), 0, 1);
  expect(spread.order(pool, free)).toEqual([run(4, 254), run(1, 3)]);
  pass(5_000);
  expect(spread.order(pool, free)).toEqual(free);
  expect(spread.turn(pool)).toBe(0);
});

test("those who lost the same race draw once, together", () => {
  const { spread } = onClock(() => 0);
  for (const host of [1, 2, 3]) spread.lost(pool, at(host), 0, 3);
  expect(spread.turn(pool)).toBe(1);
  expect(spread.order(pool, [run(1, 254)])).toEqual([run(2, 254), run(1, 1)]);
});

test("whatever is lost, everything stays to be had, each address once", () => {
  const losses = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 254 }), fc.double({ min: 0, max: 0.999, noNaN: true })),
  );
  const ranges = fc.constantFrom([run(1, 254)], [run(1, 6), run(9, 9), run(100, 254)], [run(254, 254)], []);
  fc.assert(
    fc.property(losses, ranges, (lost, free) => {
      let chance = 0;
      const { spread } = onClock(() => chance);
      for (const [host, random] of lost) {
        chance = random;
        spread.lost(pool, at(host), spread.turn(pool), 7);
        const order = spread.order(pool, free);
        expect(countOf(order)).toBe(countOf(free));
        const sorted = [...order].sort((a, b) => (a.first < b.first ? -1 : 1));
        for (const [index, { first }] of sorted.entries())
          expect(first > (sorted[index - 1]?.last ?? -1n)).toBe(true);
      }
    }),
  );
});
