import { ok, type Result } from "../../result.ts";
import { address4, bytesOf16, bytesOf32, bytesOfAddress, joined, uint16, uint32 } from "../bytes.ts";
import { type Malformed, malformed } from "../malformed.ts";
import { type Message, type MessageType, OPTION } from "./message.ts";

const TYPES: readonly MessageType[] = [
  "DISCOVER",
  "OFFER",
  "REQUEST",
  "DECLINE",
  "ACK",
  "NAK",
  "RELEASE",
  "INFORM",
];

/** RFC 2131 section 3: the options start with 99, 130, 83, 99. */
const MAGIC = 0x63825363;
const OPTIONS_AT = 240;
const SNAME_AT = 44;
const FILE_AT = 108;
const MAGIC_AT = 236;
const ETHERNET = 1;
const MAC_LENGTH = 6;
const PAD = 0;
const END = 255;
/** RFC 951 and RFC 1542 section 2.1: some relays drop shorter ones. */
const SHORTEST = 300;
const BROADCAST_FLAG = 0x8000;

/** The payload of the UDP datagram. Values of more than 255 bytes are split (RFC 3396). */
export function encodeMessage(message: Message): Uint8Array {
  const head = joined(
    Uint8Array.of(message.op === "request" ? 1 : 2, ETHERNET, MAC_LENGTH, 0),
    bytesOf32(message.xid),
    bytesOf16(Math.min(message.secs, 0xffff)),
    bytesOf16(message.broadcast ? BROADCAST_FLAG : 0),
    ...[message.ciaddr, message.yiaddr, message.siaddr, message.giaddr].map(bytesOfAddress),
    message.chaddr,
    new Uint8Array(MAGIC_AT - 28 - MAC_LENGTH),
    bytesOf32(MAGIC),
  );
  const options = [...message.options].flatMap(([code, value]) => encodeOption(code, value));
  const type = Uint8Array.of(OPTION.messageType, 1, TYPES.indexOf(message.type) + 1);
  const whole = joined(head, type, ...options, Uint8Array.of(END));
  return whole.length >= SHORTEST ? whole : joined(whole, new Uint8Array(SHORTEST - whole.length));
}

function encodeOption(code: number, value: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < Math.max(value.length, 1); at += 255) {
    const part = value.subarray(at, at + 255);
    parts.push(Uint8Array.of(code, part.length), part);
  }
  return parts;
}

/** Reads the payload of a UDP datagram. Never throws; whatever is not DHCP over Ethernet in full is refused. */
export function decodeMessage(bytes: Uint8Array): Result<Message, Malformed> {
  if (bytes.length < OPTIONS_AT) return malformed(`${bytes.length} bytes are too few`);
  const op = bytes[0];
  if (op !== 1 && op !== 2) return malformed(`op ${op} is neither request nor reply`);
  if (bytes[1] !== ETHERNET || bytes[2] !== MAC_LENGTH) {
    return malformed(`hardware type ${bytes[1]} with ${bytes[2]} bytes is not Ethernet`);
  }
  if (uint32(bytes, MAGIC_AT) !== MAGIC) return malformed("the magic cookie of DHCP is missing");

  const options = decodeOptions(bytes);
  if (!options.ok) return options;
  const kind = options.value.get(OPTION.messageType);
  const type = kind?.length === 1 ? TYPES[(kind[0] ?? 0) - 1] : undefined;
  if (type === undefined) return malformed("no message type, or an unknown one");
  options.value.delete(OPTION.messageType);
  options.value.delete(OPTION.overload);
  return ok({
    op: op === 1 ? "request" : "reply",
    type,
    xid: uint32(bytes, 4),
    secs: uint16(bytes, 8),
    broadcast: (uint16(bytes, 10) & BROADCAST_FLAG) !== 0,
    ciaddr: address4(bytes, 12),
    yiaddr: address4(bytes, 16),
    siaddr: address4(bytes, 20),
    giaddr: address4(bytes, 24),
    chaddr: bytes.slice(28, 28 + MAC_LENGTH),
    options: options.value,
  });
}

/** The options of the packet, then of `file`, then of `sname` (RFC 3396 section 5), parts of one option joined. */
function decodeOptions(bytes: Uint8Array): Result<Map<number, Uint8Array>, Malformed> {
  const parts = new Map<number, Uint8Array[]>();
  if (!collect(bytes.subarray(OPTIONS_AT), parts)) return malformed("an option reaches beyond the packet");
  const overload = parts.get(OPTION.overload);
  if (overload !== undefined) {
    const [value, ...more] = overload;
    const fields = value?.length === 1 && more.length === 0 ? (value[0] ?? 0) : 0;
    if (fields < 1 || fields > 3) return malformed("option 52 (overload) is neither 1, 2 nor 3");
    const inFile = (fields & 1) === 0 || collect(bytes.subarray(FILE_AT, MAGIC_AT), parts);
    const inSname = (fields & 2) === 0 || collect(bytes.subarray(SNAME_AT, FILE_AT), parts);
    if (!inFile || !inSname) return malformed("an option reaches beyond sname or file");
  }
  return ok(new Map([...parts].map(([code, values]) => [code, joined(...values)])));
}

/** Adds the options of one field. False: a length lies. A missing end option is forgiven, as servers leave it out. */
function collect(field: Uint8Array, parts: Map<number, Uint8Array[]>): boolean {
  for (let at = 0; at < field.length; ) {
    const code = field[at] ?? END;
    if (code === END) return true;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = field[at + 1];
    if (length === undefined || at + 2 + length > field.length) return false;
    const values = parts.get(code) ?? [];
    values.push(field.slice(at + 2, at + 2 + length));
    parts.set(code, values);
    at += 2 + length;
  }
  return true;
}
