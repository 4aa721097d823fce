import { err, ok, type Result } from "../result.ts";
import type { IpError } from "./error.ts";

export type Family = 4 | 6;

declare const brand: unique symbol;

/** An IP address. Only the parsers and `addressOf` make one. */
export type Address = { readonly family: Family; readonly value: bigint; readonly [brand]: "Address" };

/**
 * How numbers may be written. `sloppy` takes leading zeros (Go's ParseIPSloppy, which whereabouts uses for
 * ranges); `strict` refuses them, since other tools read 010 as octal 8.
 */
export type Notation = "strict" | "sloppy";

const MAX: Record<Family, bigint> = { 4: (1n << 32n) - 1n, 6: (1n << 128n) - 1n };
const MAPPED_PREFIX = 0xffffn; // RFC 4291 section 2.5.5.2: ::ffff:0:0/96

export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** @throws RangeError if the value does not fit the family: a bug of the caller, never bad input. */
export function addressOf(family: Family, value: bigint): Address {
  if (value < 0n || value > MAX[family]) throw new RangeError(`${value} is not an IPv${family} address`);
  return { family, value } as Address;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.value === b.value;
}

/** Reads an IPv4 or IPv6 address. An IPv4-mapped IPv6 address is the IPv4 address, as everywhere in Go. */
export function parseAddress(text: string, notation: Notation = "strict"): Result<Address, IpError> {
  const refuse = (hint: string) => err<IpError>({ code: "invalid_address", value: text, hint });
  if (text.includes("%")) return refuse("an address here has no zone (%)");
  if (!text.includes(":")) {
    const value = readIpv4(text, notation);
    if (typeof value === "string") return refuse(value);
    return ok(addressOf(4, value));
  }
  const value = readIpv6(text, notation);
  if (typeof value === "string") return refuse(value);
  if (value >> 32n === MAPPED_PREFIX) return ok(addressOf(4, value & MAX[4]));
  return ok(addressOf(6, value));
}

/** The value, or what is wrong with the text. */
function readIpv4(text: string, notation: Notation): bigint | string {
  const parts = text.split(".");
  if (parts.length !== 4) return "an address such as 192.0.2.1 or 2001:db8::1 is wanted";
  let value = 0;
  for (const part of parts) {
    if (!/^[0-9]+$/.test(part)) return "an IPv4 address has four decimal numbers";
    if (part.length > 1 && part.startsWith("0") && notation === "strict") {
      return `"${part}" has a leading zero; write ${Number(part)}`;
    }
    const octet = Number(part);
    if (octet > 255) return `${part} is above 255`;
    value = value * 256 + octet;
  }
  return BigInt(value);
}

function readIpv6(text: string, notation: Notation): bigint | string {
  const halves = text.split("::");
  if (halves.length > 2) return '"::" may stand once only';
  const groups: bigint[][] = [];
  for (const [index, half] of halves.entries()) {
    const read = readGroups(half, index === halves.length - 1, notation);
    if (typeof read === "string") return read;
    groups.push(read);
  }
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 && missing !== 0) return "an IPv6 address has eight groups, or :: for zeros";
  if (halves.length === 2 && missing < 1) return '"::" must stand for one group at least';
  const zeros = new Array<bigint>(missing).fill(0n);
  return [...head, ...zeros, ...tail].reduce((value, group) => (value << 16n) | group, 0n);
}

/** The 16-bit groups of one side of "::"; only the last side may end in dotted decimal. */
function readGroups(half: string, isLast: boolean, notation: Notation): bigint[] | string {
  if (half === "") return [];
  const groups: bigint[] = [];
  const parts = half.split(":");
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes(".")) {
      const low = readIpv4(part, "strict");
      if (typeof low === "string") return low;
      groups.push(low >> 16n, low & 0xffffn);
      continue;
    }
    if (!/^[0-9a-fA-F]+$/.test(part)) return "an IPv6 group has one to four hexadecimal digits";
    const digits = notation === "sloppy" ? part.replace(/^0+(?=.)/, "") : part;
    if (digits.length > 4) return `"${part}" is more than four hexadecimal digits`;
    groups.push(BigInt(`0x${digits}`));
  }
  return groups;
}

/** Canonical text: dotted decimal, or RFC 5952 section 4 (lower case, the first longest run of zeros as ::). */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.value) : formatIpv6(address.value);
}

function formatIpv4(value: bigint): string {
  const number = Number(value);
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

function formatIpv6(value: bigint): string {
  const digits = value.toString(16).padStart(32, "0");
  const groups: string[] = [];
  for (let at = 0; at < 32; at += 4) groups.push(digits.slice(at, at + 4).replace(/^0{1,3}/, ""));
  const zeros = longestZeros(groups);
  if (zeros.length < 2) return groups.join(":"); // RFC 5952 section 4.2.2: never for a single group
  const head = groups.slice(0, zeros.start).join(":");
  const tail = groups.slice(zeros.start + zeros.length).join(":");
  return `${head}::${tail}`;
}

function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let at = 0; at <= groups.length; at++) {
    if (groups[at] === "0") continue;
    if (at - start > best.length) best = { start, length: at - start };
    start = at + 1;
  }
  return best;
}
