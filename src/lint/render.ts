import { formatIssue } from "../config/index.ts";
import type { LintReport } from "./issue.ts";

const LONGEST_NAME = 80;

/** For people: one line an issue, then notes, then a summary. */
export function renderReport({ documents, issues }: LintReport, fileName: string): string {
  const lines = issues.map((issue) => {
    const place = `${fileName}:${issue.line}:${issue.column}`;
    return oneLine(`${place}: ${issue.severity} ${formatIssue(issue)}`);
  });
  for (const { kind, name, line, notes } of documents) {
    const label = name === "" ? kind : `${kind} ${name.slice(0, LONGEST_NAME)}`;
    for (const note of notes) lines.push(oneLine(`${fileName}:${line}: note ${label}: ${note}`));
  }
  const errors = issues.filter(({ severity }) => severity === "error").length;
  const warnings = issues.length - errors;
  const summary = `${count(errors, "error")}, ${count(warnings, "warning")} in ${count(documents.length, "document")}`;
  return `${[...lines, `${fileName}: ${summary}`].join("\n")}\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+\s*/g, " ");
}
