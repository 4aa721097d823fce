import { drainMicrotasks } from "bun:jsc";
import type { Clock, Timer } from "../../src/clock.ts";
import { Random } from "../random.ts";

/** No clock tells less apart, in milliseconds: what rounding leaves of a wait must not be waited for again and again. */
const TICK = 1e-3;

type Event = { at: number; order: number; run: (() => void) | undefined };

/**
 * Owns every asynchronous step of a run: a queue of events by virtual time, and one seeded source of chance. A step is
 * one event and all the promises that it settles, so a run depends on its seed alone and time that nobody uses costs nothing.
 */
export class Scheduler implements Clock {
  readonly #heap: Event[] = [];
  readonly #random: Random;
  readonly #start: number;
  #elapsed = 0;
  #order = 0;
  /** Events run so far. */
  steps = 0;

  constructor(seed: number, start = Date.UTC(2026, 0, 1)) {
    this.#random = new Random(seed);
    this.#start = start;
  }

  now = (): number => this.#start + Math.floor(this.#elapsed);
  elapsed = (): number => this.#elapsed;
  random = (): number => this.#random.next();

  after(ms: number, run: () => void): Timer {
    const event: Event = { at: this.#elapsed + (ms > 0 ? Math.max(TICK, ms) : 0), order: this.#order++, run };
    this.#push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Runs the next event; false: there is none before `end`. */
  step(end = Number.POSITIVE_INFINITY): boolean {
    for (let next = this.#heap[0]; next; next = this.#heap[0]) {
      if (next.run === undefined) {
        this.#pop();
        continue;
      }
      if (next.at > end) return false;
      this.#pop();
      this.#elapsed = next.at;
      this.steps++;
      next.run();
      drainMicrotasks();
      return true;
    }
    return false;
  }

  /** Lets time pass until `end`, by `elapsed`, or until `stop` says so after a step. */
  runTo(end: number, stop: () => boolean = () => false): void {
    drainMicrotasks();
    while (this.step(end)) if (stop()) return;
    this.#elapsed = Math.max(this.#elapsed, end);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (!parent || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      const [left, right] = [heap[down], heap[down + 1]];
      if (!left) break;
      let next = left;
      if (right && isBefore(right, left)) {
        next = right;
        down++;
      }
      if (!isBefore(next, last)) break;
      heap[at] = next;
      at = down;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
