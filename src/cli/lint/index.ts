/** `berth lint`: checks configurations before a cluster sees them. */
export type { DocumentSummary, LintCode, LintReport, LocatedIssue } from "./issue.ts";
export { type LintOptions, lintText } from "./lint.ts";
export { renderReport } from "./render.ts";
export { type LintIo, runLint } from "./run.ts";
