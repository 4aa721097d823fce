import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { editDistance, nearest, nearestHint } from "./nearest.ts";
import { whereaboutsIpam } from "./schema/whereabouts.ts";

const known = Object.keys(whereaboutsIpam.entries);

describe("nearest", () => {
  test.each([
    ["subnet", "range"],
    ["rangeStart", "range_start"],
    ["range-end", "range_end"],
    ["ranges", "ipRanges"],
    ["iprange", "ipRanges"],
    ["overlapping_ranges", "enable_overlapping_ranges"],
    ["rnage", "range"],
    ["exlude", "exclude"],
    ["networkName", "network_name"],
    ["nodeSliceSize", "node_slice_size"],
    ["gatway", "gateway"],
  ])("%s was meant as %s", (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });

  test.each(["", "banana", "x", "x".repeat(1000)])("%p is near to nothing", (word) => {
    expect(nearest(word, known)).toBeUndefined();
  });

  test("one slip in a key is always found out", () => {
    const slip = fc.record({ key: fc.constantFrom(...known), at: fc.nat(), kind: fc.nat(2) });
    fc.assert(
      fc.property(slip, ({ key, at, kind }) => {
        fc.pre(key.length >= 5);
        const place = at % (key.length - 1);
        const [a = "", b = ""] = key.slice(place);
        const middle = [`${b}${a}`, b, `${a}q${b}`][kind] ?? "";
        const word = `${key.slice(0, place)}${middle}${key.slice(place + 2)}`;
        const distance = (other: string) => editDistance(other.toLowerCase(), word.toLowerCase());
        const found = nearest(word, known);
        expect(found).toBeDefined();
        expect(distance(found ?? "")).toBeLessThanOrEqual(distance(key) + 1);
      }),
    );
  });

  test("the distance is a distance", () => {
    const word = fc.stringMatching(/^[ab]{0,6}$/);
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
    expect(editDistance("rnage", "range")).toBe(1);
  });

  test("without a near one the hint lists what there is", () => {
    expect(nearestHint("banana", ["a", "b"])).toBe("known: a, b");
  });
});
