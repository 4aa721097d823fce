/** A map to sets that holds no empty ones. */
export class Index<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  get(key: K): Iterable<V> {
    return this.#sets.get(key) ?? [];
  }

  add(key: K, value: V): void {
    const found = this.#sets.get(key);
    if (found) found.add(value);
    else this.#sets.set(key, new Set([value]));
  }

  delete(key: K, value: V): void {
    const found = this.#sets.get(key);
    found?.delete(value);
    if (found?.size === 0) this.#sets.delete(key);
  }
}
