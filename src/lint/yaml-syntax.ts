import type { YAMLError } from "yaml";
import { formatPath, type Segment } from "../config/index.ts";
import type { LintIssue } from "./issue.ts";

/** What the parser says, and what to do about the mistakes that documentation is full of. */
export function explainYaml(error: YAMLError, text: string, path: readonly Segment[]): LintIssue {
  const [start] = error.pos;
  const rest = text.slice(start, start + 40).split("\n")[0] ?? "";
  const callout = /^\d+(?=\s*$)/.exec(rest)?.[0];
  const [said = error.code] = error.message.split("\n");
  return {
    severity: error.name === "YAMLWarning" ? "warning" : "error",
    code: "yaml_syntax",
    path: formatPath(path),
    value: rest,
    message: callout === undefined ? said : `${callout} stands where nothing may stand`,
    hint: callout === undefined ? hintOf(error) : CALLOUT,
  };
}

const CALLOUT = "remove it: a number behind a value is a callout copied from documentation";

function hintOf({ code }: YAMLError): string {
  switch (code) {
    case "TAB_AS_INDENT":
      return "indent with spaces";
    case "DUPLICATE_KEY":
      return "remove one of the two";
    case "BAD_INDENT":
      return "indent what belongs together by the same number of spaces";
    default:
      return "correct it; the rest was read as far as possible";
  }
}
