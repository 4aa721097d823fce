/**
 * Network configurations: from JSON of unknown origin to a typed configuration, or to issues that say where, what
 * and what instead. Pure; reading files is the caller's part.
 * @module
 */
export { readDhcp } from "./dhcp.ts";
export { flatFileCandidates } from "./flat-file.ts";
export { ipamOf } from "./ipam.ts";
export {
  type Checked,
  cniCodeOf,
  formatIssue,
  ISSUE_CODES,
  type Issue,
  type IssueCode,
  renderValue,
  type Severity,
} from "./issue.ts";
export { formatPath, parsePath, type Segment } from "./json-path.ts";
export { nearest, nearestHint } from "./nearest.ts";
export { DEFAULT_SOCKET as DEFAULT_DHCP_SOCKET } from "./schema/dhcp.ts";
export { readStatic } from "./static.ts";
export type * from "./types.ts";
export { readStoreChoice, readWhereabouts } from "./whereabouts.ts";
