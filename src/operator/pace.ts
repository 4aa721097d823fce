import type { Clock } from "../clock.ts";

/** Milliseconds. */
const FIRST = 1_000;
const LONGEST = 5 * 60_000;
/** After so long in peace the pauses start anew. */
const FORGET = 15 * 60_000;

/** Who writes an object again and again fights with someone: the pauses double, and the fight becomes a problem to report. */
export class Pace {
  readonly #clock: Clock;
  readonly #writes = new Map<string, { count: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the object may be written; 0: now. */
  wait(id: string): number {
    const seen = this.#writes.get(id);
    if (seen === undefined || seen.count < 2) return 0;
    const pause = Math.min(LONGEST, FIRST * 2 ** (seen.count - 2));
    return Math.max(0, seen.at + pause - this.#clock.elapsed());
  }

  /** How often it was written without a rest. */
  count(id: string): number {
    return this.#writes.get(id)?.count ?? 0;
  }

  wrote(id: string): void {
    const now = this.#clock.elapsed();
    for (const [other, { at }] of this.#writes) if (now - at > FORGET) this.#writes.delete(other);
    this.#writes.set(id, { count: this.count(id) + 1, at: now });
  }
}
