import { type Address, addressOf } from "../ip/address.ts";
import { ok, type Result } from "../result.ts";
import { address6, bytesOfAddress, uint16 } from "./bytes.ts";
import type { Datagram } from "./frame.ts";
import { type Malformed, malformed } from "./malformed.ts";

const IP_HEADER = 40;
const UDP_HEADER = 8;
const UDP = 17;
const HOP_LIMIT = 255;

/** The IPv6 packet (RFC 8200, RFC 768) of a UDP datagram, without extension headers. */
export function encodeDatagram6({ from, to, fromPort, toPort, payload }: Datagram): Uint8Array {
  const length = UDP_HEADER + payload.length;
  const packet = new Uint8Array(IP_HEADER + length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, length);
  view.setUint8(6, UDP);
  view.setUint8(7, HOP_LIMIT);
  packet.set(bytesOfAddress(from), 8);
  packet.set(bytesOfAddress(to), 24);
  view.setUint16(40, fromPort);
  view.setUint16(42, toPort);
  view.setUint16(44, length);
  packet.set(payload, IP_HEADER + UDP_HEADER);
  view.setUint16(46, checksum(packet, length));
  return packet;
}

/**
 * Reads an IPv6 packet that carries nothing but UDP. The checksum is not looked at: packets of a server on the same machine come with half
 * of it (CHECKSUM_PARTIAL), and Ethernet has one of its own. Never throws.
 */
export function decodeDatagram6(packet: Uint8Array): Result<Datagram, Malformed> {
  if ((packet[0] ?? 0) >> 4 !== 6) return malformed("not an IPv6 packet");
  const length = uint16(packet, 4);
  if (packet[6] !== UDP) return malformed("not UDP");
  if (length < UDP_HEADER || packet.length < IP_HEADER + length || uint16(packet, 44) !== length) {
    return malformed(`lengths do not fit: ${length} of ${packet.length - IP_HEADER} bytes`);
  }
  return ok({
    from: address6(packet, 8),
    to: address6(packet, 24),
    fromPort: uint16(packet, 40),
    toPort: uint16(packet, 42),
    payload: packet.slice(IP_HEADER + UDP_HEADER, IP_HEADER + length),
  });
}

/** The link-local address of a MAC address (RFC 4291 section 2.5.1, appendix A). */
export function linkLocalOf(mac: Uint8Array): Address {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  const id = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return addressOf(6, (0xfe80n << 112n) | id);
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
export function isLinkLocal({ family, value }: Address): boolean {
  return family === 6 && value >> 118n === 0x3fan;
}

/** RFC 8200 section 8.1: over addresses, length, next header, and the datagram with a checksum of 0. */
function checksum(packet: Uint8Array, length: number): number {
  let sum = UDP + length;
  for (let at = 8; at < packet.length; at += 2) sum += uint16(packet, at); // beyond the end it reads zeros
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff || 0xffff;
}
