import { sha256 } from "../sha256.ts";

/** RFC 1123 subdomain, as the API server demands of most names; a label may be longer than 63 here. */
const LEGAL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LONGEST = 253;
const LEGAL_LABEL = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LONGEST_LABEL = 63;
const ESCAPED = ".z";
const DIGEST = ".zz";

/** Whether the API server takes it as the name of an object. */
export function isLegalName(name: string): boolean {
  return name.length <= LONGEST && LEGAL.test(name);
}

/**
 * A legal name for any text, another one for each text. Legal names stay as they are, but for those that end like an encoded
 * one; no name of a pool or reservation does, since those end in the digits of an address. In an encoded name "z" and
 * two hexadecimal digits stand for a byte, "zz" for a z, and ".z" ends it: `Blue_net` is `z42luez5fnet.z`, and a lone "z" is the empty text. What would
 * be too long is a SHA-256 digest, which nobody can read back.
 */
export function encodeName(text: string): string {
  if (isLegalName(text) && !text.endsWith(ESCAPED) && !text.endsWith(DIGEST)) return text;
  const escaped = toSafe(text) + ESCAPED;
  if (escaped.length <= LONGEST) return escaped;
  return sha256(text) + DIGEST;
}

/**
 * A text as the value of a label: itself where it may be one, as nearly every name of a node may; else a digest, which begins
 * as no name of a node does.
 */
export function labelOf(text: string): string {
  if (LEGAL_LABEL.test(text)) return text;
  return `Z${sha256(text).slice(0, LONGEST_LABEL - 1)}`;
}

/** The text that `encodeName` made this of; undefined for a digest and for what it never makes. */
export function decodeName(name: string): string | undefined {
  if (name.endsWith(DIGEST)) return undefined;
  if (!name.endsWith(ESCAPED)) return name;
  const text = fromSafe(name.slice(0, -ESCAPED.length));
  return text !== undefined && encodeName(text) === name ? text : undefined;
}

function toSafe(text: string): string {
  if (text === "") return "z";
  const bytes = [...new TextEncoder().encode(text)];
  return bytes
    .map((byte, index) => {
      const char = String.fromCharCode(byte);
      if (char === "z") return "zz";
      const isInner = isInsideLabel(bytes[index - 1]) && isInsideLabel(bytes[index + 1]);
      const isPlain = /[a-y0-9]/.test(char) || (char === "-" && isInner) || (char === "." && isInner);
      return isPlain ? char : `z${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

/** Whether a byte beside a dash or dot leaves it legal: what gets escaped begins and ends with a letter or digit. */
function isInsideLabel(byte: number | undefined): boolean {
  return byte !== undefined && byte !== 0x2e;
}

function fromSafe(text: string): string | undefined {
  if (text === "z") return "";
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char !== "z") {
      bytes.push(char.charCodeAt(0));
    } else if (text.charAt(at + 1) === "z") {
      bytes.push(0x7a);
      at += 1;
    } else {
      const hex = text.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/.test(hex)) return undefined;
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    return undefined; // no text that we encoded
  }
}
