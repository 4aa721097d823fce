import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { lintText, renderReport } from "./index.ts";

const FOLDER = join(import.meta.dirname, "../../docs/examples");
const examples = readdirSync(FOLDER)
  .filter((name) => /\.(conf|yaml)$/.test(name))
  .map((name) => readFileSync(join(FOLDER, name), "utf8"));

/** An example with pieces cut out, doubled and put in. */
const damaged = fc
  .tuple(
    fc.constantFrom(...examples),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.nat(20),
        fc.constantFrom("", "{", "}", '"', "\n", "\t", ": ", "- ", "&a ", "*a", "|", "#", "'", "\\", "0"),
      ),
      {
        maxLength: 6,
      },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce((now, [at, length, by]) => {
      const place = at % (now.length + 1);
      return now.slice(0, place) + by + now.slice(place + length);
    }, text),
  );

describe("any text at all", () => {
  test("is checked without a throw, and every issue lies in it", () => {
    fc.assert(
      fc.property(
        fc.oneof({ weight: 4, arbitrary: damaged }, fc.string(), fc.json()),
        fc.boolean(),
        (text, isFlat) => {
          const report = lintText(text, "x.yaml", { isFlat });
          const lines = text.split("\n");
          for (const { line, column, message, hint } of report.issues) {
            expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
            expect(message.length * hint.length).toBeGreaterThan(0);
          }
          const rendered = renderReport(report, "x").trimEnd().split("\n");
          const notes = report.documents.flatMap((document) => document.notes);
          expect(rendered.length).toBe(report.issues.length + notes.length + 1);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
