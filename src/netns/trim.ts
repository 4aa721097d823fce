import { readFileSync } from "node:fs";
import { forgetPages } from "./libc.ts";

/**
 * Gives memory back after work: garbage of the heap, and pages of the executable's code from memory. The code is read-only and
 * stays in the page cache; what is used again comes back by a minor fault, and what only starting and the work needed does not.
 */
export function trimMemory(): void {
  Bun.gc(true);
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    // Mappings of files that can be executed and not be written.
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]/.exec(line);
    if (match === null) continue;
    const [start, end] = [Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16)];
    forgetPages(start, end - start);
  }
}
