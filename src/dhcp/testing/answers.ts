import { type Address, addressOf, parseAddress } from "../../ip/address.ts";
import { bytesOf32, bytesOfAddress, joined } from "../bytes.ts";
import { type Message, type MessageType, OPTION } from "../v4/index.ts";

/** For tests: addresses as text, and the answers of a DHCPv4 server. */

export function ip(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.hint}`);
  return parsed.value;
}

export const SERVER = ip("192.0.2.1");
export const OTHER_SERVER = ip("192.0.2.2");

export type Answer = {
  readonly server?: Address;
  readonly yiaddr?: Address;
  /** In seconds. */
  readonly lease?: number;
  readonly t1?: number;
  readonly t2?: number;
  /** Wins over all others; undefined leaves an option out. */
  readonly options?: readonly (readonly [number, Uint8Array | undefined])[];
};

/** What a server says to a message; defaults make a lease that every client accepts. */
export function answer(to: Message, type: MessageType, given: Answer = {}): Message {
  const { server = SERVER, yiaddr = ip("192.0.2.10"), lease = 3600, t1, t2, options: more = [] } = given;
  const options = new Map<number, Uint8Array>([[OPTION.serverId, bytesOfAddress(server)]]);
  if (type !== "NAK") {
    options.set(OPTION.subnetMask, bytesOf32(0xffff_ff00));
    options.set(OPTION.routers, bytesOfAddress(server));
    options.set(OPTION.leaseTime, bytesOf32(lease));
  }
  if (t1 !== undefined) options.set(OPTION.renewalTime, bytesOf32(t1));
  if (t2 !== undefined) options.set(OPTION.rebindingTime, bytesOf32(t2));
  for (const [code, value] of more) {
    if (value === undefined) options.delete(code);
    else options.set(code, value);
  }
  return { ...to, op: "reply", type, yiaddr: type === "NAK" ? addressOf(4, 0n) : yiaddr, options };
}

/** The value of option 121 (RFC 3442): destination, width, router. */
export function classlessRoutes(...routes: readonly (readonly [string, number, string])[]): Uint8Array {
  return joined(
    ...routes.flatMap(([destination, width, router]) => [
      Uint8Array.of(width),
      bytesOfAddress(ip(destination)).subarray(0, Math.ceil(width / 8)),
      bytesOfAddress(ip(router)),
    ]),
  );
}
