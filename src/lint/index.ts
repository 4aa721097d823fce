/** Checks configurations before a cluster sees them: netconfs, attachments, Network objects and pods, in JSON or YAML. */

export { type AttachmentObject, networksOf } from "./attachment-object.ts";
export type { DocumentSummary, LintCode, LintReport, LocatedIssue } from "./issue.ts";
export { type LintOptions, lintNetworks, lintText } from "./lint.ts";
export { isUnguarded, type Network } from "./overlap.ts";
export { renderReport } from "./render.ts";
