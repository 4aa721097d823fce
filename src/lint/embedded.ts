import { formatPath } from "../config/index.ts";
import { align } from "./align.ts";
import { findFaults } from "./json-syntax.ts";
import { type DuplicateKey, jsonTree } from "./json-tree.ts";
import { type Part, type Reporter, within } from "./reporter.ts";
import type { Tree } from "./tree.ts";

/** Reads JSON that is a piece of the file, and reports what is broken in it. */
export function readJson(
  text: string,
  prefix: string,
  toFile: (offset: number) => number,
  reporter: Reporter,
): Part | undefined {
  const { faults, text: repaired } = findFaults(text);
  for (const { offset, path, message, hint } of faults) {
    const place = within(prefix, formatPath(path));
    const value = text.slice(offset, offset + 40).split("\n")[0];
    reporter.addAt(toFile(offset), {
      severity: "error",
      code: "json_syntax",
      path: place,
      value,
      message,
      hint,
    });
  }
  const duplicates: DuplicateKey[] = [];
  const tree = jsonTree(repaired, duplicates);
  for (const { key, offset } of duplicates) {
    const what = `the key "${key}" stands twice in one object, and the last one counts`;
    const issue = {
      severity: "warning",
      code: "duplicate_key",
      value: key,
      message: what,
      hint: "remove one",
    } as const;
    reporter.addAt(toFile(offset), { ...issue, path: within(prefix, key) });
  }
  return tree && { tree, prefix, toFile };
}

/** The configuration that a text of a document holds, such as `spec.config`. */
export function readEmbedded(part: Part, tree: Tree, path: string, reporter: Reporter): Part | undefined {
  const { value, written } = tree;
  if (typeof value !== "string") return undefined;
  const toFile = part.toFile;
  const places = written ? align(value, reporter.text, shift(written, toFile)) : () => toFile(tree.offset);
  return readJson(value, `${within(part.prefix, path)}: `, places, reporter);
}

function shift<T extends { start: number; end: number }>(written: T, toFile: (offset: number) => number): T {
  return { ...written, start: toFile(written.start), end: toFile(written.end) };
}

/**
 * A configuration that stands as an object where a text belongs. In braces it was most likely meant as JSON, and
 * what YAML makes of JSON with mistakes is useless: it is read as JSON then.
 */
export function readMisplacedObject(
  part: Part,
  tree: Tree,
  path: string,
  reporter: Reporter,
): Part | undefined {
  const prefix = `${within(part.prefix, path)}: `;
  const start = part.toFile(tree.offset);
  const end = closingBrace(reporter.text, start);
  if (!tree.isFlow || !reporter.hasSyntaxFault(start, end)) return { ...part, tree, prefix };
  reporter.swallow(start, end);
  reportTabs(reporter, start, end, within(part.prefix, path));
  return readJson(reporter.text.slice(start, end), prefix, (offset) => start + offset, reporter);
}

/** JSON may be indented with tabs, YAML may not: the object must not be moved into a text as it is. */
function reportTabs(reporter: Reporter, start: number, end: number, path: string): void {
  const tab = /\n *(?=\t)/g;
  tab.lastIndex = start;
  const match = tab.exec(reporter.text);
  if (match === null || tab.lastIndex >= end) return;
  const message = "lines are indented with tabs, which YAML does not allow";
  const issue = {
    severity: "error",
    code: "yaml_syntax",
    value: "\t",
    message,
    hint: "indent with spaces",
  } as const;
  reporter.addAt(tab.lastIndex, { ...issue, path });
}

/** Behind the brace that closes the one at `start`, or the end of the text. Quotes end at the end of a line. */
function closingBrace(text: string, start: number): number {
  const token = /"(?:[^"\\\n]|\\.)*["\n]|[{}[\]]/g;
  token.lastIndex = start;
  let depth = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] === "{" || match[0] === "[") depth++;
    else if ((match[0] === "}" || match[0] === "]") && --depth === 0) return token.lastIndex;
  }
  return text.length;
}
