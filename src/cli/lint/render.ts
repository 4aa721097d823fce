import { formatIssue } from "../../config/index.ts";
import type { LintReport } from "./issue.ts";

/** For people: one line an issue, then notes, then a summary. */
export function renderReport({ documents, issues }: LintReport, fileName: string): string {
  const lines = issues.map((issue) => {
    const text = formatIssue(issue).replace(/[\r\n]+/g, " ");
    return `${fileName}:${issue.line}:${issue.column}: ${issue.severity} ${text}`;
  });
  for (const { kind, name, line, notes } of documents) {
    for (const note of notes)
      lines.push(`${fileName}:${line}: note ${name === "" ? kind : `${kind} ${name}`}: ${note}`);
  }
  const errors = issues.filter(({ severity }) => severity === "error").length;
  const warnings = issues.length - errors;
  const summary = `${count(errors, "error")}, ${count(warnings, "warning")} in ${count(documents.length, "document")}`;
  return `${[...lines, `${fileName}: ${summary}`].join("\n")}\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
