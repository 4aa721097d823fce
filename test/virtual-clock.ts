import type { Clock, Timer } from "../src/clock.ts";
import { Random } from "./random.ts";

type Due = { readonly at: number; readonly order: number; readonly run: () => void };

/**
 * A clock that stands still until someone waits for it, then jumps to the next timer. Together with a wire inside the
 * process it makes a run that depends on its seed alone and takes no time.
 */
export class VirtualClock implements Clock {
  readonly #random: Random;
  readonly #timers = new Set<Due>();
  #elapsed = 0;
  #order = 0;
  /** What `now` says beyond `elapsed`: change it to set the clock of the machine. */
  offset: number;

  constructor(seed = 1, start = Date.UTC(2026, 0, 1)) {
    this.#random = new Random(seed);
    this.offset = start;
  }

  now = (): number => this.offset + Math.floor(this.#elapsed);
  elapsed = (): number => this.#elapsed;
  random = (): number => this.#random.next();

  after(ms: number, run: () => void): Timer {
    const due = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  /** Lets time pass, and all that happens in it. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (let due = this.#next(); due && due.at <= end; due = this.#next()) await this.#fire(due);
    this.#elapsed = end;
  }

  /** Lets time pass until the promise settles; throws if it cannot, or not within `limit` milliseconds. */
  async run<T>(promise: Promise<T>, limit = 24 * 3_600_000): Promise<T> {
    const end = this.#elapsed + limit;
    let isSettled = false;
    const mark = () => {
      isSettled = true;
    };
    promise.then(mark, mark);
    for (await settle(); !isSettled; ) {
      const due = this.#next();
      if (!due || due.at > end) throw new Error(`not settled after ${this.#elapsed} ms of virtual time`);
      await this.#fire(due);
    }
    return promise;
  }

  /** Lets time pass until the condition holds; throws if it does not within `limit` milliseconds. */
  async until(condition: () => boolean, limit = 3_600_000): Promise<void> {
    const end = this.#elapsed + limit;
    for (await settle(); !condition(); ) {
      const due = this.#next();
      if (!due || due.at > end)
        throw new Error(`the condition does not hold after ${this.#elapsed} ms of virtual time`);
      await this.#fire(due);
    }
  }

  #next(): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#timers) {
      if (!next || due.at < next.at || (due.at === next.at && due.order < next.order)) next = due;
    }
    return next;
  }

  async #fire(due: Due): Promise<void> {
    this.#timers.delete(due);
    this.#elapsed = Math.max(this.#elapsed, due.at);
    due.run();
    await settle();
  }
}

/** All that is ready to run has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
