import { parsePath } from "../config/index.ts";
import type { LintCode, LintIssue, LintReport, LocatedIssue } from "./issue.ts";
import type { Lines } from "./lines.ts";
import { offsetOf, type Tree } from "./tree.ts";

/** A part of the file that is a configuration of its own: a document, an item of a List, or JSON in a text. */
export type Part = {
  readonly tree: Tree;
  /** What stands before the paths of its issues: `items[0]`, or `spec.config: `. */
  readonly prefix: string;
  /** Where an offset of the part lies in the file. */
  readonly toFile: (offset: number) => number;
};

type Found = LintIssue & { readonly offset: number };
type Mutable = { kind: string; name: string; line: number; notes: string[] };

/** These are about a key; the others about its value. */
const ABOUT_KEYS = new Set<string>([
  "unknown_key",
  "key_case",
  "misspelt_key",
  "misplaced_annotation",
] satisfies (LintCode | "unknown_key" | "key_case")[]);
const SYNTAX = new Set<string>(["json_syntax", "yaml_syntax"] satisfies LintCode[]);
const MOST_ISSUES = 1000;

/** Collects what is found in a file and puts each issue in its line. */
export class Reporter {
  readonly text: string;
  readonly #lines: Lines;
  readonly #documents: Mutable[] = [];
  #found: Found[] = [];
  readonly #swallowed: { start: number; end: number }[] = [];

  constructor(text: string, lines: Lines) {
    this.text = text;
    this.#lines = lines;
  }

  /** Begins a document; notes go to the last one begun. */
  begin(kind: string, name: string, offset: number): void {
    this.#documents.push({ kind, name, line: this.#lines.at(offset).line, notes: [] });
  }

  note(text: string): void {
    this.#documents.at(-1)?.notes.push(text);
  }

  /** An issue whose path is within the part. */
  add(part: Part, issue: LintIssue): void {
    const target = ABOUT_KEYS.has(issue.code) ? "key" : "value";
    const offset = offsetOf(part.tree, parsePath(issue.path), target);
    this.addAt(part.toFile(offset), { ...issue, path: within(part.prefix, issue.path) });
  }

  /** An issue with a place in the file and a whole path. */
  addAt(offset: number, issue: LintIssue): void {
    if (this.#found.length < MOST_ISSUES) this.#found.push({ ...issue, offset });
  }

  /** Drops what YAML says about a piece of the file that is checked as JSON instead. */
  swallow(start: number, end: number): void {
    this.#swallowed.push({ start, end });
    this.#found = this.#found.filter(
      ({ code, offset }) => code !== "yaml_syntax" || offset < start || offset >= end,
    );
  }

  isSwallowed(offset: number): boolean {
    return this.#swallowed.some(({ start, end }) => start <= offset && offset < end);
  }

  hasSyntaxFault(start: number, end: number): boolean {
    return this.#found.some(({ code, offset }) => SYNTAX.has(code) && offset >= start && offset < end);
  }

  report(): LintReport {
    const located = this.#found
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ offset, ...issue }): LocatedIssue => ({ ...issue, ...this.#lines.at(offset) }));
    // What else seems wrong in a line that is not even well-formed is mostly a consequence.
    const broken = new Set(located.filter(({ code }) => SYNTAX.has(code)).map(({ line }) => line));
    const issues = located.filter(({ code, line }) => SYNTAX.has(code) || !broken.has(line));
    return { documents: this.#documents, issues };
  }
}

/** A path of a part as a path of the file. */
export function within(prefix: string, path: string): string {
  if (path === "") return prefix.replace(/: $/, "");
  if (prefix === "" || prefix.endsWith(": ") || path.startsWith("[")) return prefix + path;
  return `${prefix}.${path}`;
}

/** The part of a part that a path leads to, for what is checked as an object of its own. */
export function subPart(part: Part, tree: Tree, path: string): Part {
  return { ...part, tree, prefix: within(part.prefix, path) };
}
