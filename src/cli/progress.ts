import { isTerminal, toStderr } from "./stdio.ts";

/** How far long work is, in one line of standard error that is written over; on anything but a terminal it says nothing. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #isShown = isTerminal(2);

  /** `what`: what is counted, such as "addresses copied". */
  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  /** `done` of all are done. */
  at(done: number): void {
    if (this.#isShown) toStderr(`\r\x1b[K${done} of ${this.#total} ${this.#what}`);
  }

  /** Takes the line away, so that the result stands alone. */
  end(): void {
    if (this.#isShown) toStderr("\r\x1b[K");
  }
}
