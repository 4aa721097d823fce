import type { Interval } from "./interval.ts";

/** Runs per chunk before it is split: keeps the cost of an insertion in the middle small and constant. */
const CHUNK_LIMIT = 512;

type Chunk = { firsts: bigint[]; lasts: bigint[] };
type Place = { chunk: number; at: number };

/**
 * A set of addresses kept as maximal runs, in chunks of a sorted list. Finding, adding and removing cost a
 * binary search and a move inside one chunk, whatever the number of addresses and however fragmented.
 */
export class IntervalSet {
  #chunks: Chunk[] = [];
  #count = 0n;

  /** How many addresses are in the set. */
  get count(): bigint {
    return this.#count;
  }

  /** The maximal run that holds `value`, if it is in the set. */
  runAt(value: bigint): Interval | undefined {
    const place = this.#lastStartingAtOrBefore(value);
    const run = place && this.#run(place);
    return run && run.last >= value ? run : undefined;
  }

  has(value: bigint): boolean {
    return this.runAt(value) !== undefined;
  }

  /** Adds an address; false if it was there. */
  add(value: bigint): boolean {
    const place = this.#lastStartingAtOrBefore(value);
    const before = place && this.#run(place);
    if (before && before.last >= value) return false;
    const joinsBefore = before?.last === value - 1n;
    const after = this.#lastStartingAtOrBefore(value + 1n);
    const next = after && this.#run(after);
    const joinsAfter = next?.first === value + 1n;
    if (joinsAfter && after) this.#removeAt(after);
    const last = joinsAfter && next ? next.last : value;
    if (joinsBefore && place) this.#setLast(place, last);
    else this.#insertAfter(place, { first: value, last });
    this.#count += 1n;
    return true;
  }

  /** Removes an address; false if it was not there. */
  delete(value: bigint): boolean {
    const place = this.#lastStartingAtOrBefore(value);
    const run = place && this.#run(place);
    if (!place || !run || run.last < value) return false;
    if (run.first < value) {
      this.#setLast(place, value - 1n);
      if (run.last > value) this.#insertAfter(place, { first: value + 1n, last: run.last });
    } else if (run.last > value) {
      this.#setFirst(place, value + 1n);
    } else {
      this.#removeAt(place);
    }
    this.#count -= 1n;
    return true;
  }

  *runs(): Generator<Interval> {
    for (const chunk of this.#chunks) {
      for (const [at, first] of chunk.firsts.entries()) yield { first, last: chunk.lasts[at] ?? first };
    }
  }

  #run({ chunk, at }: Place): Interval | undefined {
    const first = this.#chunks[chunk]?.firsts[at];
    const last = this.#chunks[chunk]?.lasts[at];
    return first === undefined || last === undefined ? undefined : { first, last };
  }

  #lastStartingAtOrBefore(value: bigint): Place | undefined {
    const chunk = lastAtMost(this.#chunks.length, (index) => this.#chunks[index]?.firsts[0], value);
    if (chunk < 0) return undefined;
    const firsts = this.#chunks[chunk]?.firsts ?? [];
    return { chunk, at: lastAtMost(firsts.length, (index) => firsts[index], value) };
  }

  #setFirst({ chunk, at }: Place, value: bigint): void {
    const found = this.#chunks[chunk];
    if (found) found.firsts[at] = value;
  }

  #setLast({ chunk, at }: Place, value: bigint): void {
    const found = this.#chunks[chunk];
    if (found) found.lasts[at] = value;
  }

  #insertAfter(place: Place | undefined, run: Interval): void {
    const index = place?.chunk ?? 0;
    const chunk = this.#chunks[index];
    if (!chunk) {
      this.#chunks.push({ firsts: [run.first], lasts: [run.last] });
      return;
    }
    const at = place ? place.at + 1 : 0;
    chunk.firsts.splice(at, 0, run.first);
    chunk.lasts.splice(at, 0, run.last);
    if (chunk.firsts.length <= CHUNK_LIMIT) return;
    const half = CHUNK_LIMIT / 2;
    const upper = { firsts: chunk.firsts.splice(half), lasts: chunk.lasts.splice(half) };
    this.#chunks.splice(index + 1, 0, upper);
  }

  #removeAt({ chunk, at }: Place): void {
    const found = this.#chunks[chunk];
    if (!found) return;
    found.firsts.splice(at, 1);
    found.lasts.splice(at, 1);
    if (found.firsts.length === 0) this.#chunks.splice(chunk, 1);
  }
}

/** The greatest index below `length` whose key is at most `value`, or -1. */
function lastAtMost(length: number, keyAt: (index: number) => bigint | undefined, value: bigint): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const key = keyAt(middle);
    if (key !== undefined && key <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
