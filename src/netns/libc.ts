import { ptr, read } from "bun:ffi";
import { openLibc } from "./open-libc.ts";

const libc = openLibc({
  setns: { args: ["i32", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  dup: { args: ["i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  abort: { args: [], returns: "void" },
  __errno_location: { args: [], returns: "ptr" },
});

// Values of Linux, the same on amd64 and arm64.
const CLONE_NEWNET = 0x4000_0000;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;

/** The number that the last failed call of this module left; to be read at once. */
export function errno(): number {
  const at = libc.__errno_location();
  return at === null ? 0 : read.i32(at);
}

/** Moves this thread into a network namespace. */
export function setns(descriptor: number): boolean {
  return libc.setns(descriptor, CLONE_NEWNET) === 0;
}

/** A socket that neither blocks nor is inherited; -1 if there is none. */
export function socket(domain: number, type: number, protocol: number): number {
  return libc.socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

export function bind(descriptor: number, address: Uint8Array): boolean {
  return libc.bind(descriptor, ptr(address), address.length) === 0;
}

export function setsockopt(descriptor: number, level: number, name: number, value: Uint8Array): boolean {
  return libc.setsockopt(descriptor, level, name, ptr(value), value.length) === 0;
}

/** A second descriptor of the same open file; -1 if there is none left. */
export function dup(descriptor: number): number {
  return libc.dup(descriptor);
}

/** Sends a message on a socket that knows where to. */
export function send(descriptor: number, bytes: Uint8Array): boolean {
  return Number(libc.send(descriptor, ptr(bytes), bytes.length, MSG_DONTWAIT)) === bytes.length;
}

export function sendto(descriptor: number, bytes: Uint8Array, address: Uint8Array): boolean {
  const sent = libc.sendto(descriptor, ptr(bytes), bytes.length, MSG_DONTWAIT, ptr(address), address.length);
  return Number(sent) === bytes.length;
}

/** The next message that has arrived, cut to the buffer; undefined if there is none. */
export function recv(descriptor: number, buffer: Uint8Array): Uint8Array | undefined {
  const length = Number(libc.recv(descriptor, ptr(buffer), buffer.length, MSG_DONTWAIT));
  return length < 0 ? undefined : buffer.subarray(0, length);
}

/** The address of bytes in memory, for structures that hold it. They must live until the call is over. */
export function addressInMemory(bytes: Uint8Array): number {
  return ptr(bytes);
}

/** Ends the process at once: SIGABRT. */
export function abort(): void {
  libc.abort();
}
