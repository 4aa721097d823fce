import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { ok, type Result } from "../result.ts";
import { type NetnsError, netnsError } from "./error.ts";
import { abort, errno, setns } from "./libc.ts";

// O_NONBLOCK: a named pipe in the place of a namespace must not stop the process.
const OPEN = constants.O_RDONLY | constants.O_NONBLOCK;

let home: number | undefined;

/**
 * Runs `body` with this thread in the network namespace at `path`. What it opens stays there. The body must not wait:
 * everything else of the process runs on the same thread. Where the way back fails the process ends at once, since it
 * would go on in the namespace of a pod.
 */
export function within<T>(path: string, body: () => Result<T, NetnsError>): Result<T, NetnsError> {
  home ??= openSync("/proc/thread-self/ns/net", OPEN);
  const descriptor = openNetns(path);
  if (!descriptor.ok) return descriptor;
  try {
    if (!setns(descriptor.value)) {
      const number = errno();
      const why = number === 22 ? "it is no network namespace" : `entering failed with error ${number}`;
      return netnsError(number === 22 ? "netns_gone" : "refused", `${path}: ${why}`);
    }
    try {
      return body();
    } finally {
      if (!setns(home)) abort();
    }
  } finally {
    closeSync(descriptor.value);
  }
}

/** `device:inode` of the namespace at `path`, which no other has while it lives; undefined if there is none. */
export function identityOf(path: string): string | undefined {
  const descriptor = openNetns(path);
  if (!descriptor.ok) return undefined;
  const { dev, ino } = fstatSync(descriptor.value, { bigint: true });
  closeSync(descriptor.value);
  return `${dev}:${ino}`;
}

function openNetns(path: string): Result<number, NetnsError> {
  try {
    return ok(openSync(path, OPEN));
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return netnsError(why === "ENOENT" ? "netns_gone" : "refused", `${path}: ${why}`);
  }
}
