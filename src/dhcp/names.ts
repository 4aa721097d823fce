/** Domain names as DHCP carries them: RFC 1035 section 3.1, with compression in option 119 (RFC 3397). */

const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;
/** More than any resolver looks at. */
const MOST_NAMES = 64;

/** Letters, digits, hyphens, and underscores as in `_tcp`: nothing that could break a resolv.conf. */
export function isDomainName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  return text.length <= LONGEST_NAME && labels.every((label) => /^[a-zA-Z0-9_-]{1,63}$/.test(label));
}

/**
 * The names of a search list, each once, or undefined if it is malformed: a length beyond the end, a pointer that does not
 * point backwards (so no loop can be followed), a name that is too long or no name.
 */
export function decodeNames(bytes: Uint8Array): string[] | undefined {
  const names = new Set<string>();
  for (let at = 0; at < bytes.length && names.size < MOST_NAMES; ) {
    const name = decodeName(bytes, at);
    if (name === undefined) return undefined;
    if (name.text !== "") names.add(name.text);
    at = name.end;
  }
  return [...names];
}

/** The name at `start` and where the bytes behind it begin. */
function decodeName(bytes: Uint8Array, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let lowest = start;
  let end: number | undefined;
  for (let length = 0; length <= LONGEST_NAME; ) {
    const size = bytes[at];
    if (size === undefined) return undefined;
    if (size === 0) {
      const text = labels.join(".");
      if (labels.length > 0 && !isDomainName(text)) return undefined;
      return { text, end: end ?? at + 1 };
    }
    if (size >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      end ??= at + 2;
      at = ((size & 0x3f) << 8) | low;
      if (at >= lowest) return undefined;
      lowest = at;
      continue;
    }
    if (size > LONGEST_LABEL || at + 1 + size > bytes.length) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + size)));
    at += 1 + size;
    length += 1 + size;
  }
  return undefined;
}

/** The names without compression. The caller has checked them with `isDomainName`. */
export function encodeNames(names: readonly string[]): Uint8Array {
  const bytes: number[] = [];
  for (const name of names) {
    for (const label of name.replace(/\.$/, "").split(".")) {
      bytes.push(label.length, ...new TextEncoder().encode(label));
    }
    bytes.push(0);
  }
  return Uint8Array.from(bytes);
}
