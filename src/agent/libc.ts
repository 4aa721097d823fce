import { ptr } from "bun:ffi";
import { readFileSync, readlinkSync } from "node:fs";
import { openLibc } from "../netns/open-libc.ts";

// Values of Linux, the same on amd64 and arm64.
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const LOCK_EX_NB = 2 | 4;
const MADV_DONTNEED = 4;

const libc = openLibc({
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
});

// struct ucred { pid, uid, gid } and its length; one at a time is read.
const ucred = new Int32Array(3);
const length = new Uint32Array(1);

export type Credentials = { readonly pid: number; readonly uid: number; readonly gid: number };

/** Who connected to a unix socket, as the kernel noted it then (unix(7), SO_PEERCRED); undefined if it cannot say. */
export function peerCredentials(descriptor: number): Credentials | undefined {
  length[0] = ucred.byteLength;
  const status = libc.getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, ptr(ucred), ptr(length));
  if (status !== 0 || length[0] !== ucred.byteLength) return undefined;
  const [pid = 0, uid = 0, gid = 0] = ucred;
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

/** Takes the lock of an open file for as long as the descriptor lives (flock(2)); false if another process has it. */
export function lockFile(descriptor: number): boolean {
  return libc.flock(descriptor, LOCK_EX_NB) === 0;
}

/**
 * Lets go of the pages of this executable's code, which are two thirds of an idle agent and mostly those of its start: the kernel brings
 * back what is run, from its page cache. Only what is never written is let go, so nothing can be lost (madvise(2)).
 */
export function letGoOfCode(): void {
  const code = codeOf(readFileSync("/proc/self/maps", "utf8"), readlinkSync("/proc/self/exe"));
  for (const { from, to } of code) libc.madvise(from, to - from, MADV_DONTNEED);
}

/** Where the code of an executable lies, by /proc/PID/maps: what is mapped from it to be run, and not to be written. */
export function codeOf(maps: string, executable: string): { readonly from: bigint; readonly to: bigint }[] {
  return maps.split("\n").flatMap((line) => {
    const [, from, to, path] = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \S+ +(.*)$/.exec(line) ?? [];
    if (from === undefined || to === undefined || path !== executable) return [];
    return [{ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) }];
  });
}
