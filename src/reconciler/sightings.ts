/** When something was first seen to be stranded, and in which state. */
type Sighting = { readonly mark: string; readonly since: number };

/**
 * Nothing is freed on one look: it has to be found stranded twice, `grace` milliseconds apart, and unchanged in between. Holds
 * one entry for each thing that is stranded now. Times are of a clock that does not jump.
 */
export class Sightings {
  readonly #seen = new Map<string, Sighting>();
  readonly #grace: number;

  constructor(grace: number) {
    this.#grace = grace;
  }

  get size(): number {
    return this.#seen.size;
  }

  /**
   * Notes that `key` looks stranded in the state `mark` (its revision or content) and tells how many milliseconds are
   * left until that may count; 0: now. Another mark starts anew. `grace` may be longer for this one.
   */
  see(key: string, mark: string, now: number, grace = this.#grace): number {
    const before = this.#seen.get(key);
    if (before?.mark === mark) return Math.max(0, before.since + grace - now);
    this.#seen.set(key, { mark, since: now });
    return grace;
  }

  /** It is in use, or gone: a later look starts anew. */
  clear(key: string): void {
    this.#seen.delete(key);
  }

  /** After a look at everything: forgets all that was not seen in it. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}
