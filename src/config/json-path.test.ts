import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatPath, member, parsePath } from "./json-path.ts";

describe("JSON paths", () => {
  test("survive a round trip, whatever the keys", () => {
    const segment = fc.oneof(fc.string(), fc.nat(), fc.constantFrom("range", "a.b", "=metadata", '"', "[0]"));
    fc.assert(
      fc.property(fc.array(segment), (segments) => {
        expect(parsePath(formatPath(segments))).toEqual(segments);
      }),
    );
  });

  test.each([
    [["ipam", "ipRanges", 1, "range_start"], "ipam.ipRanges[1].range_start"],
    [["=metadata", "name"], '["=metadata"].name'],
    [[], ""],
  ])("%j is %s", (segments, path) => {
    expect(formatPath(segments)).toBe(path);
  });

  test("a file starts a path of its own", () => {
    expect(member("/etc/x.conf: ", "range")).toBe("/etc/x.conf: range");
  });
});
