import * as v from "valibot";

/** Keywords that JSON Schema knows and this code checks by itself, with texts of its own. */
type Keywords = {
  readonly default?: string | number | boolean;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly examples?: readonly unknown[];
};

/** Any field may be absent or null: Go's zero value. What must be there is checked in words of our own. */
export function text(description: string, keywords: Keywords = {}) {
  return v.exactOptional(v.pipe(v.string(), v.description(description), v.metadata({ ...keywords })));
}

export function flag(description: string, keywords: Keywords = {}) {
  return v.exactOptional(v.pipe(v.boolean(), v.description(description), v.metadata({ ...keywords })));
}

/** A whole number from 0 to `most`. */
export function count(description: string, most: number, keywords: Keywords = {}) {
  return v.exactOptional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(most),
      v.description(description),
      v.metadata({ ...keywords }),
    ),
  );
}

/** A list of at most `most` items, so that no configuration can take the node's memory or time. */
export function list<T extends v.GenericSchema>(description: string, item: T, most: number) {
  return v.exactOptional(v.pipe(v.array(item), v.maxLength(most), v.description(description)));
}

export function object<T extends v.ObjectEntries>(description: string, entries: T) {
  return v.exactOptional(v.pipe(v.strictObject(entries), v.description(description)));
}

/** Accepted whatever it is. */
export function anything(description: string) {
  return v.exactOptional(v.pipe(v.unknown(), v.description(description)));
}

export const UINT32 = 2 ** 32 - 1;
