/** The results of a pure function for the texts that it was asked for last. */
export class Memo<T> {
  readonly #results = new Map<string, T>();
  readonly #texts: number;
  readonly #length: number;

  /** Keeps results for so many texts, none longer than `length` characters. */
  constructor({ texts, length }: { readonly texts: number; readonly length: number }) {
    this.#texts = texts;
    this.#length = length;
  }

  get(text: string, make: () => T): T {
    const known = this.#results.get(text);
    const result = known ?? make();
    if (text.length > this.#length) return result;
    this.#results.delete(text); // to the end: what nobody has asked for is in front
    this.#results.set(text, result);
    const [oldest] = this.#results.size > this.#texts ? this.#results.keys() : [];
    if (oldest !== undefined) this.#results.delete(oldest);
    return result;
  }
}
