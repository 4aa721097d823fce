import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { align } from "./align.ts";
import { jsonTree } from "./json-tree.ts";
import { memberOf, type Tree } from "./tree.ts";
import { yamlDocuments } from "./yaml-tree.ts";

/** Every character that stands for itself is found where it stands. */
function expectAligned(tree: Tree | undefined, file: string): void {
  const text = memberOf(tree, "config");
  if (typeof text?.value !== "string" || text.written === undefined) throw new Error(`no text in ${file}`);
  const place = align(text.value, file, text.written);
  let before = 0;
  for (const [index, char] of [...text.value].map(
    (char, at, all) => [all.slice(0, at).join("").length, char] as const,
  )) {
    expect(place(index)).toBeGreaterThanOrEqual(before);
    before = place(index);
    const there = file[place(index)];
    if (/^[a-z0-9{}[\]:,.]$/.test(char)) expect(there).toBe(char);
    if (char === '"') expect(there === '"' || there === "\\").toBe(true);
  }
}

const content = fc.oneof(
  fc.json(),
  fc.stringMatching(/^[a-z{}"',:# \n\t\\.é]{1,60}$/),
  fc.jsonValue().map((value) => JSON.stringify(value, null, 2)),
);

describe("places in a text that holds a configuration", () => {
  test("YAML, in every style", () => {
    const style = fc.constantFrom("BLOCK_LITERAL", "BLOCK_FOLDED", "QUOTE_DOUBLE", "QUOTE_SINGLE", "PLAIN");
    fc.assert(
      fc.property(content, style, fc.integer({ min: 20, max: 100 }), (text, defaultStringType, lineWidth) => {
        const file = stringify(
          { name: "x", config: text, z: 1 },
          { defaultStringType, defaultKeyType: "PLAIN", lineWidth, version: "1.1" },
        );
        const [document] = yamlDocuments(file);
        // The yaml package does not write every text so that it reads it back.
        fc.pre(memberOf(document?.tree, "config")?.value === text);
        expectAligned(document?.tree, file);
      }),
      { numRuns: 1000 },
    );
  });

  test("JSON", () => {
    fc.assert(
      fc.property(content, (text) => {
        const file = JSON.stringify({ name: "x", config: text }, null, 2);
        expectAligned(jsonTree(file, []), file);
      }),
    );
  });

  test("escapes of more than one character", () => {
    const file = String.raw`{"config": "a\u00e9\ud83d\ude00b\\c"}`;
    expectAligned(jsonTree(file, []), file);
    const yaml = String.raw`config: "a\U0001F600b\x41c"`;
    expectAligned(yamlDocuments(yaml)[0]?.tree, yaml);
  });
});
