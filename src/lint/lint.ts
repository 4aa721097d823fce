import { parsePath, readWhereabouts } from "../config/index.ts";
import { readJson } from "./embedded.ts";
import type { LintReport } from "./issue.ts";
import { isKubernetes, lintObject } from "./kubernetes.ts";
import { Lines } from "./lines.ts";
import { kindOf, lintNetconf } from "./netconf.ts";
import { type Attachment, type Network, reportOverlaps } from "./overlap.ts";
import { type Part, Reporter } from "./reporter.ts";
import { pathAt, type Tree, textOf } from "./tree.ts";
import { explainYaml } from "./yaml-syntax.ts";
import { yamlDocuments } from "./yaml-tree.ts";

export type LintOptions = {
  /** The file is a flat file of whereabouts: a bare ipam object. */
  readonly isFlat?: boolean;
};

/**
 * Checks a file: network configurations and lists in JSON, attachments and the operator's Network in YAML or JSON,
 * alone, in a List or as several documents. Whatever the text is, this does not throw.
 */
export function lintText(text: string, fileName: string, options: LintOptions = {}): LintReport {
  return lintNetworks(text, fileName, options).report;
}

/** The same, with the whereabouts networks that could be read. */
export function lintNetworks(
  text: string,
  fileName: string,
  options: LintOptions = {},
): { readonly report: LintReport; readonly networks: readonly Network[] } {
  const reporter = new Reporter(text, new Lines(text));
  let networks: readonly Network[] = [];
  try {
    if (text.trim() === "")
      report(reporter, "empty_file", "the file is empty", "write a network configuration");
    else if (options.isFlat) lintFlat(text, fileName, reporter);
    else networks = lintDocuments(text, fileName, reporter);
  } catch (error) {
    // The parsers recurse; a text that nests without end is the only thing that makes them throw.
    if (!(error instanceof RangeError)) throw error;
    report(reporter, "nested_too_deep", "the file is nested too deep or too large", "split it");
  }
  return { report: reporter.report(), networks };
}

function report(
  reporter: Reporter,
  code: "empty_file" | "nested_too_deep",
  message: string,
  hint: string,
): void {
  reporter.addAt(0, { severity: "error", code, path: "", value: undefined, message, hint });
}

function lintDocuments(text: string, fileName: string, reporter: Reporter): readonly Network[] {
  const trees = looksLikeJson(text, fileName) ? jsonParts(text, reporter) : yamlParts(text, reporter);
  const attachments = trees.flatMap((part) => lintPart(part, reporter));
  reportOverlaps(attachments, reporter);
  return attachments;
}

/** A file that starts with a bracket is JSON, unless its name says YAML and JSON cannot read it. */
function looksLikeJson(text: string, fileName: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  if (!/\.ya?ml$/.test(fileName)) return true;
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function jsonParts(text: string, reporter: Reporter): Part[] {
  const part = readJson(text, "", (offset) => offset, reporter);
  return part ? [part] : [];
}

function yamlParts(text: string, reporter: Reporter): Part[] {
  const documents = yamlDocuments(text);
  for (const { tree, errors } of documents) {
    for (const error of errors) {
      const [offset] = error.pos;
      reporter.addAt(offset, explainYaml(error, text, tree ? pathAt(tree, offset) : []));
    }
  }
  return documents.flatMap(({ tree }) =>
    tree && tree.value !== null ? [{ tree, prefix: "", toFile: (offset: number) => offset }] : [],
  );
}

function lintPart(part: Part, reporter: Reporter): Attachment[] {
  const { tree } = part;
  if (isKubernetes(tree)) return lintObject(part, reporter);
  const offset = part.toFile(tree.offset);
  if (!isNetconf(tree)) {
    reporter.begin("unknown", "", offset);
    reporter.note("neither a network configuration nor an object of Kubernetes: not checked");
    return [];
  }
  const name = textOf(tree, "name") ?? "";
  reporter.begin(kindOf(tree), name, offset);
  return lintNetconf(part, { label: `the network ${name}`, isAttachment: false }, reporter);
}

function isNetconf(tree: Tree): boolean {
  const keys = [...(tree.members?.keys() ?? [])].map((key) => key.toLowerCase());
  return ["ipam", "plugins", "cniversion", "type"].some((key) => keys.includes(key));
}

function lintFlat(text: string, fileName: string, reporter: Reporter): void {
  reporter.begin("flat file", "", 0);
  const [part] = jsonParts(text, reporter);
  if (part === undefined) return;
  const prefix = `${fileName}: `;
  const { issues } = readWhereabouts({ type: "whereabouts" }, { path: fileName, content: part.tree.value });
  for (const issue of issues) {
    // The attachment may name the store as well.
    if (issue.code === "no_store" || !issue.path.startsWith(fileName)) continue;
    const path = issue.path.startsWith(prefix) ? issue.path.slice(prefix.length) : "";
    reporter.add(part, { ...issue, path: parsePath(path).length > 0 ? path : "" });
  }
}
