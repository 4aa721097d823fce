/** One after the other for each key, in the order of asking; different keys never wait for each other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  async take<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    try {
      await before;
      return await body();
    } finally {
      resolve();
      if (this.#last.get(key) === promise) this.#last.delete(key);
    }
  }
}
