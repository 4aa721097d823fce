import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatPath } from "../config/index.ts";
import { findFaults } from "./json-syntax.ts";

function faultsOf(text: string): string[] {
  return findFaults(text).faults.map(
    ({ offset, path, message, hint }) => `${offset} ${formatPath(path)}: ${message} (${hint})`,
  );
}

const CALLOUT = "a number behind a value is a callout copied from documentation";

describe("mistakes in JSON", () => {
  test.each<[string, string[]]>([
    ['{"a": 1}', []],
    ['{"a": 1,}', ["7 : a comma stands before } (remove the comma)"]],
    ["[1, 2,]", ["5 [2]: a comma stands before ] (remove the comma)"]],
    ['{"a": 1,, "b": 2}', ["8 : one comma too many (remove it)"]],
    ['{"a": 1 "b": 2}', ["7 b: a comma is missing here (add it)"]],
    [
      '{"a": "b", 1}',
      [`11 a: 1 stands where nothing may stand (remove it and the comma before it: ${CALLOUT})`],
    ],
    [
      '{"a": "b", 2 "c": "d" 3}',
      [
        `11 a: 2 stands where nothing may stand (remove it: ${CALLOUT})`,
        `22 c: 3 stands where nothing may stand (remove it: ${CALLOUT})`,
      ],
    ],
    ['{"v": "0.3.1,\n"t": 1}', ['6 v: the text that starts here has no closing " (write "0.3.1",)']],
    [
      '{"v": "0.3.1',
      [
        '6 v: the text that starts here has no closing " (write "0.3.1")',
        "12 v: the JSON ends before its closing } (add })",
      ],
    ],
    ['{"a": [1', ["8 a[0]: the JSON ends before its closing ] (add ])"]],
    ['// c\n{"a": 1}', ["0 : JSON has no comments, and the runtime refuses them (remove it)"]],
    ['{"a": 1 /* c */}', ["8 a: JSON has no comments, and the runtime refuses them (remove it)"]],
    [
      '{"a": True, "b": tru}',
      [
        "6 a: True is not a JSON value (write true)",
        '17 b: tru is not a JSON value (put it in double quotes: "tru")',
      ],
    ],
    ["{\"a\": 'x'}", ["6 a: 'x' is not a JSON value (put it in double quotes: \"x\")"]],
    ["{a: 1}", ['1 : the key a has no double quotes (write "a")']],
    ["{'a': 1}", ["1 : the key 'a' has no double quotes (write \"a\")"]],
    ['{"a": }', ["6 a: a value is missing (write one, or remove the key)"]],
    ['{"a" 1}', ['5 a: a colon is missing between key and value (write "key": value)']],
    [
      '{"a": "x\ty"}',
      ["6 a: a control character such as a tab stands inside the text (write it as \\t or \\n)"],
    ],
    ['{"a": "\\q"}', ["6 a: the text has a backslash with no meaning (write \\\\ for a backslash)"]],
    ['{"a": 1}}', ['8 : "}" may not stand here (check the brackets and quotes before it)']],
    ["", ['0 : the JSON is empty (write an object such as {"type": "bridge"})']],
  ])("%p", (text, expected) => {
    expect(faultsOf(text)).toEqual(expected);
  });

  test("are found if, and only if, a real parser refuses the text", () => {
    const json = fc.json();
    const broken = fc
      .tuple(
        json,
        fc.nat(),
        fc.constantFrom("", ",", "1", '"', "}", "x", "\t", "//", "\\", "é"),
        fc.boolean(),
      )
      .map(([text, at, by, replaces]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + by + text.slice(place + (replaces ? 1 : 0));
      });
    fc.assert(
      fc.property(fc.oneof(json, broken, fc.string()), (text) => {
        let isGood = true;
        try {
          JSON.parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
          isGood = false;
        }
        const { faults, text: repaired } = findFaults(text);
        expect(faults.length === 0).toBe(isGood);
        expect(repaired.length).toBe(text.length);
        expect(faults.length).toBeLessThanOrEqual(30);
        for (const { offset } of faults) expect(offset).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 3000 },
    );
  });
});
