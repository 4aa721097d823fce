import { expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf } from "../ip/address.ts";
import { type Cidr, formatCidr, lastOf, networkOf, parseCidr } from "../ip/cidr.ts";
import { countOf, type Interval, normalise } from "../ip/interval.ts";
import { parseRange } from "../ip/range.ts";
import { lowestSlice, type SliceSpace, slicesIn, usableOf } from "./slices.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error.hint);
  return parsed.value;
}

function space(text: string, prefix: number): SliceSpace {
  const range = parseRange(text);
  if (!range.ok) throw new Error(range.error.hint);
  const { network, first, last } = range.value;
  return { network, prefix, free: [{ first, last }] };
}

const whole = (text: string): Interval => ({ first: cidr(text).base, last: lastOf(cidr(text)) });
const cut = (from: SliceSpace, ...taken: string[]) => {
  const slice = lowestSlice(from, normalise(taken.map(whole)));
  return slice && formatCidr(slice);
};

test("the lowest slice that is not taken, in both families", () => {
  expect(cut(space("10.5.0.0/20", 24))).toBe("10.5.0.0/24");
  expect(cut(space("10.5.0.0/20", 24), "10.5.0.0/24", "10.5.2.0/24")).toBe("10.5.1.0/24");
  expect(cut(space("fd00::/48", 64), "fd00::/64")).toBe("fd00:0:0:1::/64");
  expect(cut(space("10.5.0.0/23", 24), "10.5.0.0/24", "10.5.1.0/24")).toBeUndefined();
});

test("a slice of another size in the way is passed over whole", () => {
  expect(cut(space("10.0.0.0/8", 27), "10.0.0.0/9", "10.128.0.0/30")).toBe("10.128.0.32/27");
});

test("slices are counted, not listed", () => {
  expect(slicesIn(space("10.0.0.0/8", 27))).toBe(524_288n);
  expect(slicesIn(space("fd00::/64", 80))).toBe(65_536n);
  expect(slicesIn(space("10.5.0.40-10.5.0.100/24", 28))).toBe(5n);
  const parts = ["10.5.0.1/32", "10.5.0.3/32", "10.5.0.40/29"].map(whole);
  expect(slicesIn({ ...space("10.5.0.0/24", 28), free: parts })).toBe(2n);
});

test("slices without a usable address are not given out", () => {
  expect(cut(space("10.5.0.255-10.5.3.9/20", 24))).toBe("10.5.1.0/24");
  expect(cut(space("10.5.0.254-10.5.3.9/20", 24))).toBe("10.5.0.0/24");
  expect(cut(space("10.5.0.0/24", 32))).toBeUndefined();
});

test("a node keeps off the ends of its slice and off what is excluded", () => {
  const free = [whole("10.5.1.0/25"), whole("10.5.2.0/24")];
  expect(usableOf(cidr("10.5.1.0/24"), free)).toEqual([
    { first: whole("10.5.1.0/25").first + 1n, last: whole("10.5.1.0/25").last },
  ]);
});

test("any small space: the same as trying slice after slice", () => {
  const interval = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 40 }));
  fc.assert(
    fc.property(
      fc.integer({ min: 24, max: 32 }),
      fc.array(interval, { maxLength: 6 }),
      fc.array(interval, { maxLength: 8 }),
      (prefix, freeParts, takenParts) => {
        const network = cidr("10.5.7.0/24");
        const inside = (parts: readonly (readonly [number, number])[]) =>
          normalise(
            parts.map(([start, length]) => ({
              first: network.base + BigInt(start),
              last: network.base + BigInt(Math.min(255, start + length)),
            })),
          );
        const free = inside(freeParts);
        const taken = inside(takenParts);
        const size = 2 ** (32 - prefix);
        const tried = Array.from({ length: 256 / size }, (_, index) =>
          networkOf(addressOf(4, network.base + BigInt(index * size)), prefix),
        ).find((slice) => {
          const isTaken = taken.some(({ first, last }) => first <= lastOf(slice) && last >= slice.base);
          return !isTaken && countOf(usableOf(slice, free)) > 0n;
        });
        const found = lowestSlice({ network, prefix, free }, taken);
        expect(found && formatCidr(found)).toBe(tried && formatCidr(tried));
      },
    ),
    { numRuns: 500 },
  );
});

test("a /8 and a /16 of IPv6 in small slices cost no walk", () => {
  const taken = normalise(
    Array.from({ length: 1000 }, (_, index) => whole(`10.${index >> 8}.${index & 255}.0/24`)),
  );
  const found = lowestSlice(space("10.0.0.0/8", 27), taken);
  expect(found && formatCidr(found)).toBe("10.3.232.0/27");
  expect(cut(space("fd00::/16", 120), "fd00::/17")).toBe("fd00:8000::/120");
});
