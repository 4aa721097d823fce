import type { Style, Written } from "./tree.ts";

const SIMPLE_ESCAPES: Record<string, string> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  a: "\x07",
  v: "\v",
  e: "\x1b",
};
const HEX_DIGITS: Record<string, number> = { x: 2, u: 4, U: 8 };

type Unit = { readonly text: string; readonly length: number };

/**
 * Where each character of a text stands in the file. A scalar of YAML or JSON keeps the order of what is not white
 * space, whatever quotes, escapes, indentation and folding did; white space is placed behind what precedes it.
 */
export function align(
  decoded: string,
  file: string,
  { style, start, end }: Written,
): (offset: number) => number {
  const places = new Uint32Array(decoded.length + 1);
  let at = contentStart(file, style, start);
  for (let index = 0; index < decoded.length; index++) {
    places[index] = at;
    if (isSpace(decoded[index] ?? "")) continue;
    let unit = unitAt(file, at, style);
    while (at < end && (unit.text === "" || isSpace(unit.text))) {
      at += unit.length;
      unit = unitAt(file, at, style);
    }
    places[index] = at;
    // A character beyond 16 bits may be one escape for two units of the decoded text.
    if (unit.text.length > 1 && index + 1 < decoded.length) places[++index] = at;
    at += unit.length;
  }
  places[decoded.length] = at;
  return (offset) => places[Math.min(Math.max(offset, 0), decoded.length)] ?? start;
}

function contentStart(file: string, style: Style, start: number): number {
  if (style === "plain") return start;
  if (style !== "block") return start + 1;
  const newline = file.indexOf("\n", start);
  return newline < 0 ? start : newline + 1;
}

/** What the characters at a place of the file stand for; "" for a line break that is escaped away. */
function unitAt(file: string, at: number, style: Style): Unit {
  const char = file[at] ?? "";
  if (style === "single" && char === "'") return { text: "'", length: 2 };
  if (char !== "\\" || (style !== "json" && style !== "double")) return { text: char, length: 1 };
  const kind = file[at + 1] ?? "";
  if (kind === "\n") return { text: "", length: 2 };
  const digits = HEX_DIGITS[kind];
  if (digits === undefined) return { text: SIMPLE_ESCAPES[kind] ?? kind, length: 2 };
  const code = Number.parseInt(file.slice(at + 2, at + 2 + digits), 16);
  const isCode = Number.isInteger(code) && code <= 0x10ffff;
  return { text: isCode ? String.fromCodePoint(code) : kind, length: 2 + digits };
}

function isSpace(text: string): boolean {
  return text === " " || text === "\n" || text === "\t" || text === "\r";
}
