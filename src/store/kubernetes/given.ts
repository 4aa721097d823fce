import type { Clock } from "../../clock.ts";

/** Milliseconds after which every watch has told what another process wrote, or says that it is behind. */
export const MOMENT = 60_000;

/** The attachments to which this process has given addresses a moment ago: what these hold it knows without asking. */
export class Given {
  readonly #clock: Clock;
  readonly #opened: number;
  /** When, by attachment; the oldest is first. */
  readonly #at = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#opened = clock.elapsed();
  }

  /** Milliseconds since this process has begun to follow the store. */
  get age(): number {
    return this.#clock.elapsed() - this.#opened;
  }

  add(sandbox: string, ifname: string): void {
    const now = this.#clock.elapsed();
    for (const [key, at] of this.#at) {
      if (now - at <= MOMENT) break;
      this.#at.delete(key);
    }
    const key = `${sandbox}/${ifname}`;
    this.#at.delete(key);
    this.#at.set(key, now);
  }

  has(sandbox: string, ifname: string): boolean {
    return this.#at.has(`${sandbox}/${ifname}`);
  }
}
