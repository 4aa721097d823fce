import type { Clock } from "../../clock.ts";

/** Bounds how many bodies run at once; the others wait in the order of asking. */
export class Slots {
  #free: number;
  readonly #waiting: ((go: boolean) => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs the body when there is room; undefined if there is none within so many milliseconds. */
  async run<T>(patience: number, clock: Clock, body: () => Promise<T>): Promise<T | undefined> {
    if (!(await this.#take(patience, clock))) return undefined;
    try {
      return await body();
    } finally {
      const next = this.#waiting.shift();
      if (next) next(true);
      else this.#free += 1;
    }
  }

  #take(patience: number, clock: Clock): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(true);
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const entry = (go: boolean) => {
      timer.cancel();
      resolve(go);
    };
    const timer = clock.after(Math.max(0, patience), () => {
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      resolve(false);
    });
    this.#waiting.push(entry);
    return promise;
  }
}
