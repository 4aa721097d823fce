import type { Clock, Timer } from "../clock.ts";

/** So many calls leave garbage worth a collection, which takes some 10 ms of a small heap. */
const BURST = 100;
/** Milliseconds without a call: nobody is delayed by a collection then. */
const QUIET = 500;

/**
 * Gives the memory of a burst back once it is over. The engine collects by its own need of space, and so an idle daemon would keep what
 * its busiest moment took.
 */
export class Tidy {
  readonly #clock: Clock;
  readonly #collect: () => void;
  /** What starting leaves behind is a burst, too. */
  #calls = BURST;
  #lastCall: number;
  #timer: Timer | undefined;

  constructor(clock: Clock, collect: () => void) {
    this.#clock = clock;
    this.#collect = collect;
    this.#lastCall = clock.elapsed();
    this.#schedule();
  }

  /** A call has come. */
  called(): void {
    this.#calls++;
    this.#lastCall = this.#clock.elapsed();
    if (this.#calls >= BURST) this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#timer) return;
    const quietSince = this.#clock.elapsed() - this.#lastCall;
    this.#timer = this.#clock.after(QUIET - quietSince, () => {
      this.#timer = undefined;
      if (this.#clock.elapsed() - this.#lastCall < QUIET) return this.#schedule();
      this.#calls = 0;
      this.#collect();
    });
  }
}
