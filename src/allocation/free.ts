import type { Interval } from "../ip/interval.ts";

/** Addresses in use, as maximal runs: all that choosing needs, whatever keeps them. */
export interface UsedSpace {
  /** The maximal run of used addresses that holds `value`, if it is used. */
  runAt(value: bigint): Interval | undefined;
}

/**
 * The lowest address of `free` that no space uses. A used run is skipped in one step, so the cost depends on
 * the number of intervals and not on the size of the pool.
 */
export function lowestFree(free: readonly Interval[], spaces: readonly UsedSpace[]): bigint | undefined {
  for (const { first, last } of free) {
    let at = first;
    while (at <= last) {
      const before = at;
      for (const space of spaces) {
        const run = space.runAt(at);
        if (run) at = run.last + 1n;
      }
      if (at === before) return at;
    }
  }
  return undefined;
}
