import type { Address } from "../ip/address.ts";
import { ok, type Result } from "../result.ts";
import { address4, bytesOfAddress, uint16 } from "./bytes.ts";
import { type Malformed, malformed } from "./malformed.ts";

/** A UDP datagram over IPv4, without the Ethernet header: what an AF_PACKET socket of type SOCK_DGRAM sends and receives. */
export type Datagram = {
  readonly from: Address;
  readonly to: Address;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Uint8Array;
};

const IP_HEADER = 20;
const UDP_HEADER = 8;
const UDP = 17;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
/** More-fragments bit and fragment offset. */
const FRAGMENT = 0x3fff;

/** The IP packet (RFC 791, RFC 768), with both checksums. @throws RangeError if the payload is beyond 65,507 bytes. */
export function encodeDatagram({ from, to, fromPort, toPort, payload }: Datagram): Uint8Array {
  const length = IP_HEADER + UDP_HEADER + payload.length;
  if (length > 0xffff) throw new RangeError(`a datagram has no room for ${payload.length} bytes`);
  const packet = new Uint8Array(length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, length);
  view.setUint16(6, DONT_FRAGMENT);
  view.setUint8(8, TTL);
  view.setUint8(9, UDP);
  packet.set(bytesOfAddress(from), 12);
  packet.set(bytesOfAddress(to), 16);
  view.setUint16(10, complement(sum(packet, 0, IP_HEADER)));
  view.setUint16(20, fromPort);
  view.setUint16(22, toPort);
  view.setUint16(24, UDP_HEADER + payload.length);
  packet.set(payload, IP_HEADER + UDP_HEADER);
  const checksum = complement(sum(packet, IP_HEADER, length, pseudoSum(packet, UDP_HEADER + payload.length)));
  view.setUint16(26, checksum === 0 ? 0xffff : checksum); // RFC 768: 0 means that there is none
  return packet;
}

/** Reads an IP packet; what Ethernet padded behind it is left out. Never throws. */
export function decodeDatagram(packet: Uint8Array): Result<Datagram, Malformed> {
  const first = packet[0] ?? 0;
  const header = (first & 15) * 4;
  const length = uint16(packet, 2);
  if (first >> 4 !== 4) return malformed("not an IPv4 packet");
  if (header < IP_HEADER || length < header + UDP_HEADER || length > packet.length) {
    return malformed(`lengths do not fit: header ${header}, packet ${length} of ${packet.length}`);
  }
  if (sum(packet, 0, header) !== 0xffff) return malformed("the checksum of the IP header is wrong");
  if ((uint16(packet, 6) & FRAGMENT) !== 0) return malformed("a fragment");
  if (packet[9] !== UDP) return malformed("not UDP");
  const udpLength = uint16(packet, header + 4);
  if (udpLength < UDP_HEADER || header + udpLength > length) {
    return malformed(`a datagram of ${udpLength} bytes in a packet of ${length}`);
  }
  if (!checksumFits(packet, header, udpLength)) return malformed("the checksum of the datagram is wrong");
  return ok({
    from: address4(packet, 12),
    to: address4(packet, 16),
    fromPort: uint16(packet, header),
    toPort: uint16(packet, header + 2),
    payload: packet.slice(header + UDP_HEADER, header + udpLength),
  });
}

/**
 * Whether the checksum is right, absent (RFC 768), or left to the sender's hardware: packets of a server on the same machine come
 * through veth with the sum of the pseudo header alone (CHECKSUM_PARTIAL), which the interface would have completed.
 */
function checksumFits(packet: Uint8Array, header: number, udpLength: number): boolean {
  const stated = uint16(packet, header + 6);
  const pseudo = pseudoSum(packet, udpLength);
  return (
    stated === 0 || stated === fold(pseudo) || sum(packet, header, header + udpLength, pseudo) === 0xffff
  );
}

function pseudoSum(packet: Uint8Array, udpLength: number): number {
  return sum(packet, 12, 20, UDP + udpLength);
}

/** The sum in one's complement (RFC 1071) of the bytes from `start` to `end`, an odd last one padded with zero. */
function sum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let total = initial;
  for (let at = start; at < end; at += 2)
    total += ((bytes[at] ?? 0) << 8) | (at + 1 < end ? (bytes[at + 1] ?? 0) : 0);
  return fold(total);
}

function fold(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x1_0000);
  return rest;
}

function complement(value: number): number {
  return ~value & 0xffff;
}
