import { ok, type Result } from "../../result.ts";
import { bytesOf16, joined, uint16 } from "../bytes.ts";
import { type Malformed, malformed } from "../malformed.ts";
import type { Message, MessageType, Option } from "./message.ts";

/** RFC 8415 section 7.3: the number of each kind. */
const TYPES: readonly MessageType[] = [
  "SOLICIT",
  "ADVERTISE",
  "REQUEST",
  "CONFIRM",
  "RENEW",
  "REBIND",
  "REPLY",
  "RELEASE",
  "DECLINE",
  "RECONFIGURE",
  "INFORMATION-REQUEST",
];

const HEADER = 4;

/** The payload of the UDP datagram. @throws RangeError if a value is longer than 65,535 bytes. */
export function encodeMessage({ type, xid, options }: Message): Uint8Array {
  const head = Uint8Array.of(TYPES.indexOf(type) + 1, xid >>> 16, xid >>> 8, xid);
  return joined(head, encodeOptions(options));
}

export function encodeOptions(options: readonly Option[]): Uint8Array {
  const parts = options.flatMap(({ code, value }) => {
    if (value.length > 0xffff) throw new RangeError(`option ${code} has no room for ${value.length} bytes`);
    return [bytesOf16(code), bytesOf16(value.length), value];
  });
  return joined(...parts);
}

/** Reads the payload of a UDP datagram. Never throws; relayed messages are none of a client's. */
export function decodeMessage(bytes: Uint8Array): Result<Message, Malformed> {
  if (bytes.length < HEADER) return malformed(`${bytes.length} bytes are too few`);
  const type = TYPES[(bytes[0] ?? 0) - 1];
  if (type === undefined) return malformed(`message type ${bytes[0]} is none between client and server`);
  const options = decodeOptions(bytes.subarray(HEADER));
  if (options === undefined) return malformed("an option reaches beyond the packet");
  return ok({ type, xid: ((bytes[1] ?? 0) << 16) | uint16(bytes, 2), options });
}

/** Undefined: a length lies. */
export function decodeOptions(bytes: Uint8Array): Option[] | undefined {
  const options: Option[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + uint16(bytes, at + 2);
    if (at + 4 > bytes.length || end > bytes.length) return undefined;
    options.push({ code: uint16(bytes, at), value: bytes.slice(at + 4, end) });
    at = end;
  }
  return options;
}
