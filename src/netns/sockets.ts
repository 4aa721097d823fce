import { closeSync } from "node:fs";
import type { Address } from "../ip/address.ts";
import { ok, type Result } from "../result.ts";
import { describeErrno, type NetnsError, netnsError } from "./error.ts";
import { NOTHING } from "./filter.ts";
import {
  AF_INET,
  AF_INET6,
  AF_PACKET,
  addressInMemory,
  bind,
  errno,
  SOCK_DGRAM,
  SOCK_RAW,
  setsockopt,
  socket,
} from "./libc.ts";

// Values of Linux, the same on amd64 and arm64.
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const ENODEV = 19;
const ONE = new Uint8Array([1, 0, 0, 0]);

/** The descriptor of a new socket in the namespace that this thread is in. */
type Opened = Result<number, NetnsError>;

/**
 * A socket for whole Ethernet frames of one interface and one ethertype, which are seen whatever addresses the interface has and
 * whatever rp_filter says. `filter` is of filter.ts.
 */
export function openPacketSocket(index: number, ethertype: number, filter: Uint8Array): Opened {
  const descriptor = socket(AF_PACKET, SOCK_RAW, 0);
  if (descriptor < 0) return refused("a packet socket");
  // struct sockaddr_ll
  const address = new Uint8Array(20);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ethertype);
  view.setInt32(4, index, true);
  return settled(
    descriptor,
    attachFilter(descriptor, filter) && bind(descriptor, address),
    "a packet socket",
  );
}

/**
 * Occupies UDP port 68 of an interface without reading from it: the kernel would answer what comes to an address of ours with
 * "port unreachable" otherwise.
 */
export function occupyPort68(ifname: string): Opened {
  const descriptor = socket(AF_INET, SOCK_DGRAM, 0);
  if (descriptor < 0) return refused("UDP port 68");
  const address = new Uint8Array(16); // struct sockaddr_in: 0.0.0.0
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, 68);
  const done =
    attachFilter(descriptor, NOTHING) &&
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, ONE) &&
    setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(ifname)) &&
    bind(descriptor, address);
  return settled(descriptor, done, "UDP port 68");
}

/** The same for UDP port 546 of a link-local address, where DHCPv6 clients are (RFC 8415 section 7.2). */
export function occupyPort546(index: number, linkLocal: Address): Opened {
  const descriptor = socket(AF_INET6, SOCK_DGRAM, 0);
  if (descriptor < 0) return refused("UDP port 546");
  const done =
    attachFilter(descriptor, NOTHING) &&
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, ONE) &&
    bind(descriptor, socketAddress6(linkLocal, 546, index));
  return settled(descriptor, done, "UDP port 546");
}

/** struct sockaddr_in6 with the interface as its scope. */
function socketAddress6({ value }: Address, port: number, index: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  view.setBigUint64(8, value >> 64n);
  view.setBigUint64(16, value & 0xffff_ffff_ffff_ffffn);
  view.setUint32(24, index, true);
  return bytes;
}

function attachFilter(descriptor: number, program: Uint8Array): boolean {
  // struct sock_fprog of 64-bit Linux: the number of instructions, and where they are.
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, program.length / 8, true);
  view.setBigUint64(8, BigInt(addressInMemory(program)), true);
  return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, bytes);
}

function settled(descriptor: number, done: boolean, what: string): Opened {
  if (done) return ok(descriptor);
  const failure = refused(what);
  closeSync(descriptor);
  return failure;
}

function refused(what: string): Opened {
  const number = errno();
  const code = number === ENODEV ? "link_gone" : "refused";
  return netnsError(code, `${what}: ${describeErrno(number)}`);
}
