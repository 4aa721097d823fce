import type { Issue, IssueCode } from "../config/index.ts";

/** What only a whole file can have wrong; the rest comes from src/config. */
export type LintCode =
  | "empty_file"
  | "json_syntax"
  | "yaml_syntax"
  | "nested_too_deep"
  | "duplicate_key"
  | "misspelt_key"
  | "missing_key"
  | "wrong_api_version"
  | "config_not_text"
  | "missing_name"
  | "invalid_name"
  | "missing_cni_version"
  | "unsupported_cni_version"
  | "missing_plugin_type"
  | "missing_ipam_type"
  | "unknown_ipam_type"
  | "unknown_network_type"
  | "unknown_macvlan_mode"
  | "misplaced_annotation"
  | "invalid_annotation"
  | "overlap_without_shared_realm";

export type LintIssue = Issue<IssueCode | LintCode>;

/** An issue with its place in the file; both count from 1. */
export type LocatedIssue = LintIssue & { readonly line: number; readonly column: number };

/** One document of a file, or one object of a List in it. */
export type DocumentSummary = {
  readonly kind: string;
  /** "" where it has none. */
  readonly name: string;
  readonly line: number;
  /** What was not checked, and why. */
  readonly notes: readonly string[];
};

export type LintReport = {
  readonly documents: readonly DocumentSummary[];
  /** In the order of the file. */
  readonly issues: readonly LocatedIssue[];
};
