import type { YAMLError } from "yaml";
import { formatPath, type Segment } from "../../config/index.ts";
import type { LintIssue } from "./issue.ts";

/** What the parser says, and what to do about the mistakes that documentation is full of. */
export function explainYaml(error: YAMLError, text: string, path: readonly Segment[]): LintIssue {
  const [start] = error.pos;
  const rest = text.slice(start, start + 40).split("\n")[0] ?? "";
  const isWarning = error.name === "YAMLWarning";
  return {
    severity: isWarning ? "warning" : "error",
    code: "yaml_syntax",
    path: formatPath(path),
    value: rest,
    message: error.message.split("\n")[0] ?? error.code,
    hint: hintOf(error, rest),
  };
}

function hintOf({ code }: YAMLError, rest: string): string {
  if (code === "TAB_AS_INDENT") return "indent with spaces";
  if (code === "DUPLICATE_KEY") return "remove one of the two";
  if (/^\d+\s*$/.test(rest))
    return "remove it: a number behind a value is a callout copied from documentation";
  if (code === "BAD_INDENT") return "indent what belongs together by the same number of spaces";
  return "correct it; the rest was read as far as possible";
}
