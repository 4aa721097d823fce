/// <reference path="./libc.d.ts" />
import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";
import { type Platform, shim } from "./shim.ts";

// Values of Linux, the same on amd64 and arm64.
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const MAX_REPLY = 16 * 1024 * 1024;

/** sockaddr_un; undefined for a path that does not fit (unix(7): 108 bytes with the closing NUL). */
function addressOf(path: string): Uint8Array | undefined {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length > 107) return undefined;
  const address = new Uint8Array(2 + bytes.length + 1);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

/** struct timeval of 64-bit Linux, little endian. A time of zero would mean "for ever". */
function timeval(milliseconds: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const ms = Math.max(1, Math.floor(milliseconds));
  view.setInt32(0, Math.floor(ms / 1000), true);
  view.setInt32(8, (ms % 1000) * 1000, true);
  return bytes;
}

function converse(fd: number, address: Uint8Array, request: Uint8Array, timeout: number): Uint8Array {
  const deadline = Date.now() + timeout;
  const none = new Uint8Array(0);
  // The time to send bounds connect() too, which waits while the queue of the socket is full.
  libcSetsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeval(timeout));
  if (libcConnect(fd, address) < 0) return none;
  let sent = 0;
  while (sent < request.length) {
    const count = libcSend(fd, request.subarray(sent), MSG_NOSIGNAL);
    if (count <= 0 || Date.now() > deadline) return none;
    sent += count;
  }
  let buffer = new Uint8Array(8192);
  let length = 0;
  while (length < MAX_REPLY) {
    if (length === buffer.length) {
      const larger = new Uint8Array(buffer.length * 4);
      larger.set(buffer);
      buffer = larger;
    }
    const left = deadline - Date.now();
    if (left <= 0) return none;
    libcSetsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(left));
    const count = libcRead(fd, buffer.subarray(length));
    if (count < 0) return none;
    if (count === 0) return buffer.subarray(0, length);
    length += count;
  }
  return none;
}

const native: Platform = {
  calledAs: process.argv[1] ?? "",
  async exchange(socket: string, request: Uint8Array, timeout: number): Promise<Uint8Array> {
    const address = addressOf(socket);
    if (address === undefined) return new Uint8Array(0);
    const fd = libcSocket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
    if (fd < 0) return new Uint8Array(0);
    const answer = converse(fd, address, request, timeout);
    libcClose(fd);
    return answer;
  },
  async run(program: string, args: string[], input: Uint8Array): Promise<number> {
    // A file in memory as standard input: a pipe would hold 64 KiB only. memfd_create(name, flags) gets its flags as
    // the length of the name here: 2 is MFD_ALLOW_SEALING, which changes nothing.
    const file = libcMemfd(new Uint8Array([98, 0]));
    if (file < 0) return -1;
    let at = 0;
    while (at < input.length) at += writeSync(file, input, at, input.length - at, at);
    libcDup2(file, 0);
    return spawnSync(program, args, { stdio: "inherit" }).status ?? -1;
  },
};

shim(native).then((exit: number) => {
  process.exit(exit);
});
