import { writeSync } from "node:fs";

/** Straight to the descriptor: the stream of process.stderr costs 2.5 MiB, and keeps in memory what nobody reads. */
export function writeLog(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Whoever read the log is gone or too slow. There is nowhere else to say so, and addresses matter more.
  }
}

/** Resolves when someone wants this process to end. */
export function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
