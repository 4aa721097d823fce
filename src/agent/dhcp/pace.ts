import type { Clock, Timer } from "../../clock.ts";

/** Lets so many through at once, and more at a bounded rate, in the order of asking. Times in milliseconds. */
export class Pace {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #interval: number;
  /** When the next is due at this rate; less than `burst` intervals ahead of that it may go. */
  #due = Number.NEGATIVE_INFINITY;
  readonly #waiting = new Set<Timer>();

  constructor(clock: Clock, burst: number, interval: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#interval = interval;
  }

  turn(): Promise<void> {
    const now = this.#clock.elapsed();
    const due = Math.max(now, this.#due);
    const wait = due - now - (this.#burst - 1) * this.#interval;
    this.#due = due + this.#interval;
    if (wait <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(wait, () => {
        this.#waiting.delete(timer);
        resolve();
      });
      this.#waiting.add(timer);
    });
  }

  /** Nobody who waits now gets a turn any more. */
  stop(): void {
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
  }
}
