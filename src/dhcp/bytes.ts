import { type Address, addressOf, bitsOf } from "../ip/address.ts";

/** Network byte order, and addresses as packets carry them. Reading beyond the end gives zeros: callers check lengths. */

export const NO_ADDRESS = addressOf(4, 0n);
export const BROADCAST = addressOf(4, 0xffff_ffffn);

export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function uint32(bytes: Uint8Array, at: number): number {
  return uint16(bytes, at) * 0x1_0000 + uint16(bytes, at + 2);
}

export function bytesOf16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function bytesOf32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function address4(bytes: Uint8Array, at: number): Address {
  return addressOf(4, BigInt(uint32(bytes, at)));
}

export function address6(bytes: Uint8Array, at: number): Address {
  let value = 0n;
  for (let part = 0; part < 16; part += 4) value = (value << 32n) | BigInt(uint32(bytes, at + part));
  return addressOf(6, value);
}

/** Four bytes, or sixteen. */
export function bytesOfAddress({ family, value }: Address): Uint8Array {
  const bytes = new Uint8Array(bitsOf(family) / 8);
  let rest = value;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
