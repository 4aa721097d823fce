import { expect, test } from "bun:test";
import { readWhereabouts } from "./index.ts";

/** The prefix lengths of the slices of each range, or the codes of what is wrong. */
function slices(ranges: readonly string[], size: unknown): unknown[] {
  const ipam = { type: "whereabouts", ipRanges: ranges.map((range) => ({ range })), node_slice_size: size };
  const { config, issues } = readWhereabouts(ipam, undefined, true);
  return config
    ? config.ranges.map(({ slicePrefix }) => slicePrefix)
    : issues.filter(({ severity }) => severity === "error").map(({ code }) => code);
}

test.each([
  [["10.0.0.0/16"], "/24", [24]],
  [["10.0.0.0/16"], "24", [24]],
  [["10.0.0.0/16"], "/16", [16]], // one slice
  [["10.0.0.0/16"], "/30", [30]], // two addresses
  [["10.0.0.0/16", "fd00::/64"], "/24", [24, 120]],
  [["fd00::/112"], "/24", [120]],
  [["fd00::/64"], "/80", [80]],
  [["fd00::/64"], "/126", [126]],
  [["10.0.0.0/16"], "", [undefined]],
  [["10.0.0.0/16"], "/31", ["invalid_slice_size"]],
  [["10.0.0.0/16"], "/15", ["invalid_slice_size"]],
  [["fd00::/124"], "/24", ["invalid_slice_size"]],
  [["10.0.0.0/16", "fd00::/64"], "/80", ["invalid_slice_size"]],
])("ranges %p in slices of %p", (ranges, size, expected) => {
  expect(slices(ranges, size)).toEqual(expected);
});
