import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { ok, type Result } from "../result.ts";
import { type NetnsError, netnsError } from "./error.ts";
import { abort, errno, setns } from "./libc.ts";

// O_NONBLOCK: a named pipe in the place of a namespace must not stop the process.
const OPEN = constants.O_RDONLY | constants.O_NONBLOCK;
const EINVAL = 22;

/** What the body of `within` knows of where it is. */
export type Inside = {
  /** `device:inode`, which no other namespace has while this one lives. */
  readonly identity: string;
  /** A descriptor of the namespace that the process belongs to. */
  readonly home: number;
};

let home: number | undefined;

/**
 * Runs `body` with this thread in the network namespace at `path`. What it opens stays there. The body must not wait:
 * everything else of the process runs on the same thread. Where the way back fails the process ends at once, since it
 * would go on in the namespace of a pod.
 */
export function within<T>(
  path: string,
  body: (inside: Inside) => Result<T, NetnsError>,
): Result<T, NetnsError> {
  home ??= openSync("/proc/thread-self/ns/net", OPEN);
  const descriptor = openNetns(path);
  if (!descriptor.ok) return descriptor;
  try {
    if (!setns(descriptor.value)) {
      const number = errno();
      const why = number === EINVAL ? "it is no network namespace" : `entering failed with error ${number}`;
      return netnsError(number === EINVAL ? "netns_gone" : "refused", `${path}: ${why}`);
    }
    try {
      return body({ identity: identify(descriptor.value), home });
    } finally {
      if (!setns(home)) abort();
    }
  } finally {
    closeSync(descriptor.value);
  }
}

function identify(descriptor: number): string {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
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
