import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeNames, encodeNames, isDomainName } from "./names.ts";

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const text = (bytes: string) => [...bytes].map((character) => character.charCodeAt(0));

describe("decodeNames", () => {
  test("reads what encodeNames wrote, each name once", () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
        expect(decodeNames(encodeNames([...names, ...names]))).toEqual(names);
      }),
    );
  });

  test("follows compression: the example of RFC 3397", () => {
    const bytes = Uint8Array.from([
      3,
      ...text("eng"),
      5,
      ...text("apple"),
      3,
      ...text("com"),
      0,
      9,
      ...text("marketing"),
      0xc0,
      4,
    ]);
    expect(decodeNames(bytes)).toEqual(["eng.apple.com", "marketing.apple.com"]);
  });

  test.each([
    ["a pointer to itself", [0xc0, 0]],
    ["two pointers at each other", [1, 97, 0xc0, 4, 0xc0, 2]],
    ["a pointer forwards", [0xc0, 2, 1, 97, 0]],
    ["a pointer beyond the end", [0xc0, 200]],
    ["half a pointer", [0xc0]],
    ["a label beyond the end", [5, 97, 98]],
    ["a name without its end", [1, 97]],
    ["a reserved label type", [0x40, 97, 0]],
    ["a line break that would end up in resolv.conf", [3, 97, 10, 98, 0]],
    ["a name beyond 255 bytes", [...new Array(5)].flatMap(() => [60, ...new Array(60).fill(97)]).concat(0)],
  ])("refuses %s", (_, bytes) => {
    expect(decodeNames(Uint8Array.from(bytes))).toBeUndefined();
  });

  test("never throws and never yields what is no name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const found of decodeNames(bytes) ?? []) expect(isDomainName(found)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

test("isDomainName", () => {
  for (const good of ["example.com", "example.com.", "_tcp.a-b", "x"]) expect(isDomainName(good)).toBe(true);
  for (const bad of ["", ".", "a..b", "a b", "ä.de", "a\nb", `${"a".repeat(64)}.com`])
    expect(isDomainName(bad)).toBe(false);
});
