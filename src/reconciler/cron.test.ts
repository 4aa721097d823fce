import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseCron } from "./cron.ts";

const at = (text: string) => Date.parse(text);

describe("cron expressions", () => {
  test.each([
    ["*/15 * * * *", "2026-01-01T10:07:00Z", "2026-01-01T10:15:00Z"],
    ["30 4 * * *", "2026-01-01T04:30:00Z", "2026-01-02T04:30:00Z"],
    ["30 4 * * *", "2026-03-29T00:59:00Z", "2026-03-29T04:30:00Z"],
    ["  0 0 29 2 *\n", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 12 * * MON", "2026-01-01T00:00:00Z", "2026-01-05T12:00:00Z"],
  ])("%s", (text, now, next) => {
    const parsed = parseCron(text);
    expect(parsed.ok && parsed.value.next(at(now))).toBe(at(next));
  });

  test.each([
    ["*/10 * * * * *", "seconds"],
    ["", "0 fields"],
    ["@daily", "1 field;"],
    ["61 * * * *", "61"],
    ["a b c d e", "five fields are wanted"],
    ["* * * *", "4 fields"],
  ])("%p is refused with what would be right", (text, part) => {
    const parsed = parseCron(text);
    expect(parsed.ok ? "accepted" : parsed.error).toContain(part);
    expect(parsed.ok ? "" : parsed.error).toContain("*/15 * * * *");
  });

  test("no text throws, and times come after now", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[0-9*,/-]+( [0-9*,/-]+){4}$/)),
        fc.integer({ min: 0, max: 4e12 }),
        (text, now) => {
          const parsed = parseCron(text);
          if (!parsed.ok) return;
          const next = parsed.value.next(now);
          expect(next === undefined || next > now).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
