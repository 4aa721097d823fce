import { getLocation, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import type { Segment } from "../config/index.ts";

/** A mistake in a JSON text. */
export type SyntaxFault = {
  readonly offset: number;
  readonly path: readonly Segment[];
  readonly message: string;
  readonly hint: string;
};

/** What is done about a fault to find the next one. */
type Repair =
  | { readonly kind: "replace"; readonly start: number; readonly end: number; readonly by: string }
  /** jsonc-parser carries on by itself; `followUp` is an error that this one causes. */
  | { readonly kind: "carry-on"; readonly followUp?: ErrorName }
  /** What follows cannot be told from consequences. */
  | { readonly kind: "stop" };

type ErrorName = ReturnType<typeof printParseErrorCode>;
type Diagnosis = {
  readonly offset: number;
  /** What the path of the fault leads to, if it is not what stands at the offset. */
  readonly about?: number;
  readonly message: string;
  readonly hint: string;
  readonly repair: Repair;
};

const MOST_FAULTS = 30;
const CALLOUT = "a number behind a value is a callout copied from documentation";

/**
 * The mistakes of a JSON text, as Go would refuse it: without comments and trailing commas. Each is repaired in
 * place, so that the next one is a mistake too and no consequence; `text` is what came of that, of the same length.
 */
export function findFaults(original: string): { faults: SyntaxFault[]; text: string } {
  let text = original;
  const faults: SyntaxFault[] = [];
  const handled = new Set<string>();
  const idOf = ({ error, offset }: ParseError) => `${error} ${offset}`;
  while (faults.length < MOST_FAULTS) {
    const errors: ParseError[] = [];
    parseTree(text, errors, { disallowComments: true });
    const next = errors.findIndex((error) => !handled.has(idOf(error)));
    const error = errors[next];
    if (error === undefined) break;
    const { offset, about, message, hint, repair } = diagnose(text, error);
    faults.push({ offset, path: pathOf(text, about ?? error.offset), message, hint });
    if (repair.kind === "stop") break;
    if (repair.kind === "replace") {
      text = text.slice(0, repair.start) + repair.by + text.slice(repair.end);
      continue;
    }
    handled.add(idOf(error));
    const after = errors[next + 1];
    if (after && printParseErrorCode(after.error) === repair.followUp) handled.add(idOf(after));
  }
  return { faults: faults.length > 0 ? faults : strictFaults(text), text };
}

/** What only the real parser refuses. */
function strictFaults(text: string): SyntaxFault[] {
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [{ offset: 0, path: [], message: `the JSON is broken: ${message}`, hint: "correct it" }];
  }
}

function pathOf(text: string, offset: number): Segment[] {
  const { path } = getLocation(text, offset);
  return path.at(-1) === "" ? path.slice(0, -1) : path;
}

function blank(text: string, start: number, end: number): Repair {
  return { kind: "replace", start, end, by: text.slice(start, end).replace(/[^\n]/g, " ") };
}

function diagnose(text: string, error: ParseError): Diagnosis {
  const { offset, length } = error;
  const name = printParseErrorCode(error.error);
  const carryOn = (message: string, hint: string, followUp?: ErrorName): Diagnosis => ({
    offset,
    message,
    hint,
    repair: { kind: "carry-on", ...(followUp && { followUp }) },
  });
  switch (name) {
    case "InvalidCommentToken":
    case "UnexpectedEndOfComment":
      return {
        ...carryOn("JSON has no comments, and the runtime refuses them", "remove it"),
        repair: blank(text, offset, offset + length),
      };
    case "UnexpectedEndOfString":
      return carryOn(
        'the text that starts here has no closing "',
        closingHint(text, offset),
        "CommaExpected",
      );
    case "InvalidCharacter":
      return carryOn("a control character such as a tab stands inside the text", "write it as \\t or \\n");
    case "InvalidEscapeCharacter":
    case "InvalidUnicode":
      return carryOn("the text has a backslash with no meaning", "write \\\\ for a backslash");
    case "ColonExpected":
      return carryOn("a colon is missing between key and value", 'write "key": value');
    case "CloseBraceExpected":
    case "CloseBracketExpected": {
      const bracket = name === "CloseBraceExpected" ? "}" : "]";
      const stop: Repair = { kind: "stop" };
      return { ...carryOn(`the JSON ends before its closing ${bracket}`, `add ${bracket}`), repair: stop };
    }
    default:
      return diagnoseToken(text, offset, name);
  }
}

/** Where the closing quote most likely belongs: `"0.3.1,` is `"0.3.1",`. */
function closingHint(text: string, offset: number): string {
  const written = /^"[^\r\n]*/.exec(text.slice(offset, offset + 200))?.[0] ?? '"';
  const [, body, comma] = /^(.*?)(,?)\s*$/.exec(written) ?? [];
  return `write ${body ?? written}"${comma ?? ""}`;
}

/** A token that may not stand where it does. */
function diagnoseToken(text: string, offset: number, name: ErrorName): Diagnosis {
  const token = /^(?:[^\s,:[\]{}"]+|[\s\S])/.exec(text.slice(offset))?.[0] ?? "";
  const end = offset + token.length;
  const before = text.slice(0, offset).trimEnd();
  const stop: Repair = { kind: "stop" };
  if (token === "" && before === "") {
    return {
      offset,
      message: "the JSON is empty",
      hint: 'write an object such as {"type": "bridge"}',
      repair: stop,
    };
  }
  if (/^[}\]]$/.test(token) && before.endsWith(",")) {
    const comma = before.length - 1;
    const repair = blank(text, comma, comma + 1);
    return { offset: comma, message: `a comma stands before ${token}`, hint: "remove the comma", repair };
  }
  if (token === "," && /[,[{]$/.test(before)) {
    return { offset, message: "one comma too many", hint: "remove it", repair: blank(text, offset, end) };
  }
  if (name === "CommaExpected" && /^["[{]$/.test(token)) {
    const repair: Repair = { kind: "carry-on" };
    return { offset: before.length, message: "a comma is missing here", hint: "add it", repair };
  }
  if (/^\s*:/.test(text.slice(end))) {
    const bare = token.replace(/'/g, "");
    return {
      offset,
      message: `the key ${token} has no double quotes`,
      hint: `write "${bare}"`,
      repair: stop,
    };
  }
  const isWord = /^[^,:[\]{}"]/.test(token);
  if (isWord && /[:[]$/.test(before) && name === "InvalidSymbol") return diagnoseValue(token, offset);
  if (isWord && name !== "EndOfFileExpected") return diagnoseStray(text, offset, end);
  if (name === "ValueExpected" && before.endsWith(":")) {
    return {
      offset,
      message: "a value is missing",
      hint: "write one, or remove the key",
      repair: { kind: "carry-on" },
    };
  }
  const message = token === "" ? "the JSON ends too early" : `${JSON.stringify(token)} may not stand here`;
  return { offset, message, hint: "check the brackets and quotes before it", repair: stop };
}

/** A word or number that belongs to nothing; with the comma before it, if that separates nothing else. */
function diagnoseStray(text: string, offset: number, end: number): Diagnosis {
  const token = text.slice(offset, end);
  const before = text.slice(0, offset).trimEnd();
  const isLast = before.endsWith(",") && /^\s*[}\]]/.test(text.slice(end));
  const what = isLast ? "remove it and the comma before it" : "remove it";
  const hint = /^\d+$/.test(token) ? `${what}: ${CALLOUT}` : `${what}, or put it in double quotes`;
  const message = `${token.slice(0, 40)} stands where nothing may stand`;
  const about = before.replace(/,$/, "").trimEnd().length - 1;
  return { offset, about, message, hint, repair: blank(text, isLast ? before.length - 1 : offset, end) };
}

function diagnoseValue(token: string, offset: number): Diagnosis {
  const known = ["true", "false", "null"].find((word) => word === token.toLowerCase());
  const hint =
    known === undefined ? `put it in double quotes: "${token.replace(/'/g, "")}"` : `write ${known}`;
  const by = (token.length < 4 ? "0" : "null").padEnd(token.length);
  const repair: Repair = { kind: "replace", start: offset, end: offset + token.length, by };
  return { offset, message: `${token.slice(0, 40)} is not a JSON value`, hint, repair };
}
