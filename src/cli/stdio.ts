import { fstatSync, readlinkSync, writeSync } from "node:fs";

/** Milliseconds until a descriptor that takes nothing at the moment is tried again: somebody made it non-blocking. */
const FULL = 2;

/** Writes to standard output, all of it, before it returns. The stream of process.stdout would cost each command 20 ms at its start. */
export function toStdout(text: string): void {
  writeAll(1, text);
}

/** The same to standard error. */
export function toStderr(text: string): void {
  writeAll(2, text);
}

/** Whether the descriptor is a terminal. Asking the stream costs as much as writing to it, so that comes last. */
export function isTerminal(fd: 1 | 2): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    if (path.startsWith("/dev/pts/")) return true;
    if (path === "/dev/null") return false;
  } catch {
    // No /proc here, or a closed descriptor: the stream knows.
  }
  return (fd === 1 ? process.stdout : process.stderr).isTTY === true;
}

function writeAll(fd: 1 | 2, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") Bun.sleepSync(FULL);
      else if (code === "EPIPE" || code === "EBADF")
        return; // nobody reads on
      else throw error;
    }
  }
}
