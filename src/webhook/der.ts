/** The few forms of DER (X.690) that a certificate needs. */
export type Der = Uint8Array<ArrayBuffer>;

export function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concat([Uint8Array.of(tag), lengthOf(length), ...parts]);
}

export const sequence = (...parts: readonly Uint8Array[]) => tagged(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]) => tagged(0x31, ...parts);
export const boolean = (value: boolean) => tagged(0x01, Uint8Array.of(value ? 0xff : 0));
export const octets = (value: Uint8Array) => tagged(0x04, value);
export const bits = (value: Uint8Array, unused = 0) => tagged(0x03, Uint8Array.of(unused), value);
export const utf8 = (text: string) => tagged(0x0c, new TextEncoder().encode(text));

/** A positive integer; a leading zero keeps it so. */
export function integer(bytes: Uint8Array): Der {
  const first = bytes[0] ?? 0;
  return first >= 0x80 ? tagged(0x02, Uint8Array.of(0), bytes) : tagged(0x02, bytes);
}

/** `1.2.840.10045.4.3.2`. */
export function objectId(text: string): Der {
  const [first = 0, second = 0, ...others] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const part of others) {
    const groups = [part & 0x7f];
    for (let rest = part >> 7; rest > 0; rest >>= 7) groups.unshift((rest & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Uint8Array.from(bytes));
}

/** RFC 5280 4.1.2.5: two digits of the year until 2049, four from then on. */
export function time(milliseconds: number): Der {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, "");
  const isLate = digits >= "2050";
  return tagged(isLate ? 0x18 : 0x17, new TextEncoder().encode(isLate ? digits : digits.slice(2)));
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function concat(parts: readonly Uint8Array[]): Der {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
