/** Addresses of one family from `first` to `last`, both inclusive. */
export type Interval = { readonly first: bigint; readonly last: bigint };

/** The number of addresses in disjoint intervals. */
export function countOf(intervals: readonly Interval[]): bigint {
  return intervals.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** The intervals in ascending order, with touching and overlapping ones joined. */
export function normalise(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const joined: Interval[] = [];
  for (const next of sorted) {
    const previous = joined.at(-1);
    if (previous === undefined || next.first > previous.last + 1n) joined.push(next);
    else if (next.last > previous.last)
      joined[joined.length - 1] = { first: previous.first, last: next.last };
  }
  return joined;
}

/** What is left of `whole` without `holes`, in ascending order: interval arithmetic, never address by address. */
export function subtract(whole: Interval, holes: readonly Interval[]): Interval[] {
  const rest: Interval[] = [];
  let from = whole.first;
  for (const hole of normalise(holes)) {
    if (hole.last < from) continue;
    if (hole.first > whole.last) break;
    if (hole.first > from) rest.push({ first: from, last: hole.first - 1n });
    from = hole.last + 1n;
  }
  if (from <= whole.last) rest.push({ first: from, last: whole.last });
  return rest;
}

/** The parts of `intervals` (ascending and disjoint) that lie in `whole`, in ascending order. */
export function intersect(whole: Interval, intervals: readonly Interval[]): Interval[] {
  const parts: Interval[] = [];
  for (const { first, last } of intervals) {
    if (first > whole.last) break;
    const part = {
      first: first > whole.first ? first : whole.first,
      last: last < whole.last ? last : whole.last,
    };
    if (part.first <= part.last) parts.push(part);
  }
  return parts;
}
