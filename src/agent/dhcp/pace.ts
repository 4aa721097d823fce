import { type Clock, sleep } from "../../clock.ts";

/** Lets so many through at once, and more at a bounded rate, in the order of asking. Times in milliseconds. */
export class Pace {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #interval: number;
  /** When the next is due at this rate; less than `burst` intervals ahead of that it may go. */
  #due = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, burst: number, interval: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#interval = interval;
  }

  async turn(): Promise<void> {
    const now = this.#clock.elapsed();
    const wait = Math.max(now, this.#due) - now - (this.#burst - 1) * this.#interval;
    this.#due = Math.max(now, this.#due) + this.#interval;
    if (wait > 0) await sleep(this.#clock, wait);
  }
}
