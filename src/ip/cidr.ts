import { err, ok, type Result } from "../result.ts";
import {
  type Address,
  addressOf,
  bitsOf,
  type Family,
  formatAddress,
  type Notation,
  parseAddress,
} from "./address.ts";
import type { IpError } from "./error.ts";

declare const brand: unique symbol;

/** A network: `base` has no host bits. Only the parsers make one. */
export type Cidr = {
  readonly family: Family;
  readonly base: bigint;
  readonly prefix: number;
  readonly [brand]: "Cidr";
};

/** An address with the prefix length of its network, as an interface carries it: 192.0.2.7/24. */
export type InterfaceAddress = { readonly address: Address; readonly prefix: number };

/** Reads `address/prefix` and keeps the host bits. */
export function parseInterfaceAddress(
  text: string,
  notation: Notation = "strict",
): Result<InterfaceAddress, IpError> {
  const refuse = (hint: string) => err<IpError>({ code: "invalid_cidr", value: text, hint });
  const slash = text.indexOf("/");
  if (slash < 0) return refuse("the prefix length is missing, as in 192.0.2.0/24");
  const address = parseAddress(text.slice(0, slash), notation);
  if (!address.ok) return refuse(address.error.hint);
  const digits = text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(digits)) return refuse(`"${digits}" is not a prefix length`);
  // An IPv4-mapped address counts its prefix in 128 bits: ::ffff:10.0.0.0/120 is 10.0.0.0/24.
  const mapped = address.value.family === 4 && text.includes(":");
  const prefix = Number(digits) - (mapped ? 96 : 0);
  const bits = bitsOf(address.value.family);
  if (prefix < 0 || prefix > bits) {
    return refuse(`the prefix length is ${mapped ? "96 to 128" : `0 to ${bits}`} here`);
  }
  return ok({ address: address.value, prefix });
}

/** Reads a network; host bits are dropped: 192.168.2.225/28 is 192.168.2.224/28. */
export function parseCidr(text: string, notation: Notation = "strict"): Result<Cidr, IpError> {
  const parsed = parseInterfaceAddress(text, notation);
  return parsed.ok ? ok(networkOf(parsed.value.address, parsed.value.prefix)) : parsed;
}

export function networkOf(address: Address, prefix: number): Cidr {
  const hostBits = BigInt(bitsOf(address.family) - prefix);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefix } as Cidr;
}

/** The last address of the network: the broadcast address of an IPv4 one. */
export function lastOf(cidr: Cidr): bigint {
  return cidr.base + (1n << BigInt(bitsOf(cidr.family) - cidr.prefix)) - 1n;
}

export function contains(cidr: Cidr, address: Address): boolean {
  return address.family === cidr.family && address.value >= cidr.base && address.value <= lastOf(cidr);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(addressOf(cidr.family, cidr.base))}/${cidr.prefix}`;
}

export function formatInterfaceAddress(value: InterfaceAddress): string {
  return `${formatAddress(value.address)}/${value.prefix}`;
}
