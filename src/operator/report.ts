import type { Issue, IssueCode } from "../config/index.ts";

/** What only the Network object can have wrong; the rest comes from src/config. */
export type RenderCode =
  | IssueCode
  | "missing_name"
  | "invalid_name"
  | "duplicate_name"
  | "json_syntax"
  | "yaml_syntax"
  | "unknown_network_type"
  | "unknown_ipam_type"
  | "unknown_macvlan_mode"
  | "value_case"
  | "empty_file"
  | "wrong_kind";

export type RenderIssue = Issue<RenderCode>;

/** More issues than this help nobody; a hostile object could hold millions. */
const MOST_ISSUES = 1000;

/** Collects what is wrong with a Network object, in its order. */
export class Report {
  readonly #issues: RenderIssue[] = [];
  #dropped = 0;

  error(code: RenderCode, path: string, value: unknown, message: string, hint: string): void {
    this.#add({ severity: "error", code, path, value, message, hint });
  }

  warn(code: RenderCode, path: string, value: unknown, message: string, hint: string): void {
    this.#add({ severity: "warning", code, path, value, message, hint });
  }

  /** False once a further issue would only be counted: finding its words can cost more than the mistake did. */
  get takesMore(): boolean {
    return this.#issues.length < MOST_ISSUES;
  }

  get issues(): readonly RenderIssue[] {
    if (this.#dropped === 0) return this.#issues;
    const message = `${this.#dropped} more are not listed`;
    const hint = "correct these first";
    return [
      ...this.#issues,
      { severity: "error", code: "too_many", path: "", value: this.#dropped, message, hint },
    ];
  }

  #add(issue: RenderIssue): void {
    if (this.takesMore) this.#issues.push(issue);
    else this.#dropped++;
  }
}
