import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cniCodeOf, formatIssue, ISSUE_CODES, type Issue, renderValue } from "./issue.ts";

function issue(change: Partial<Issue>): Issue {
  return { severity: "error", code: "no_store", path: "ipam", value: 1, message: "m", hint: "h", ...change };
}

describe("issues", () => {
  test("every code becomes 999, as upstream answers, or 7, the code of the specification", () => {
    for (const { cni } of Object.values(ISSUE_CODES)) expect([7, 999]).toContain(cni);
  });

  test("the first error gives the code; warnings give none", () => {
    expect(cniCodeOf([])).toBeUndefined();
    expect(cniCodeOf([issue({ severity: "warning" })])).toBeUndefined();
    const mixed = [issue({ severity: "warning" }), issue({ code: "too_many" }), issue({})];
    expect(cniCodeOf(mixed)).toBe(7);
  });

  test("one line for people", () => {
    expect(formatIssue(issue({ path: "ipam.range" }))).toBe("ipam.range: m (h)");
    expect(formatIssue(issue({ path: "", hint: "" }))).toBe("m");
  });

  test("a value is shown on one short line, whatever it is", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const shown = renderValue(value);
        expect(shown.length).toBeLessThan(500);
        expect(shown).not.toContain("\n");
      }),
    );
    expect(renderValue("x".repeat(1000)).length).toBeLessThan(70);
  });
});
