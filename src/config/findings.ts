import type { Checked, Issue, IssueCode, Severity } from "./issue.ts";

/** More issues than this help nobody; a hostile configuration could hold millions. */
const MOST_ISSUES = 200;

/** What an issue is about: a place and what stands there. */
export type Subject = { readonly path: string; readonly value: unknown };

/** Collects the issues of one configuration. Only the first error of a place counts: the others follow from it. */
export class Findings {
  readonly #issues: Issue[] = [];
  readonly #broken = new Set<string>();

  get issues(): readonly Issue[] {
    return this.#issues;
  }

  /** True if the value at this place was refused. */
  isBroken(path: string): boolean {
    return this.#broken.has(path);
  }

  error(code: IssueCode, subject: Subject, message: string, hint: string): void {
    if (this.#broken.has(subject.path)) return;
    if (this.#broken.size < MOST_ISSUES) {
      this.#broken.add(subject.path);
      this.#push("error", code, subject, message, hint);
    }
  }

  /** False once a further warning would be dropped: finding its words can cost more than the mistake did. */
  get takesWarnings(): boolean {
    return this.#issues.length - this.#broken.size < MOST_ISSUES;
  }

  warn(code: IssueCode, subject: Subject, message: string, hint: string): void {
    if (this.takesWarnings) this.#push("warning", code, subject, message, hint);
  }

  /** The answer to the caller; `build` runs only if there is no error. */
  check<T>(build: () => T): Checked<T> {
    return this.#broken.size > 0 ? { issues: this.#issues } : { config: build(), issues: this.#issues };
  }

  #push(severity: Severity, code: IssueCode, { path, value }: Subject, message: string, hint: string): void {
    this.#issues.push({ severity, code, path, value, message, hint });
  }
}
