/** Keys of other plugins and older texts, and what they are called here. */
const OTHER_SPELLINGS = new Map([
  ["subnet", "range"], // host-local
  ["ranges", "ipRanges"], // host-local
  ["overlapping_ranges", "enable_overlapping_ranges"],
  ["destination", "dst"], // the Network object of the Cluster Network Operator
  ["gateway", "gw"],
  ["dst", "destination"],
  ["gw", "gateway"],
  ["ip", "address"],
  ["ips", "addresses"],
]);

/** Longer keys are no typing mistake, and comparing them would cost. */
const LONGEST_WORD = 64;

/** The known word that was most likely meant, if one is near: by another spelling, letter case, or a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const other = OTHER_SPELLINGS.get(word);
  if (other !== undefined && known.includes(other)) return other;
  if (word.length > LONGEST_WORD) return undefined;
  const folded = fold(word);
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const target = fold(candidate);
    const distance = editDistance(folded, target);
    const allowed = Math.min(3, Math.floor(Math.max(folded.length, target.length) / 3));
    if (distance <= allowed && (best === undefined || distance < best.distance)) {
      best = { word: candidate, distance };
    }
  }
  return best?.word;
}

/** As a hint: what was meant, or else what there is. */
export function nearestHint(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? `known: ${known.join(", ")}` : `did you mean "${meant}"?`;
}

function fold(word: string): string {
  return word.toLowerCase().replace(/[_-]/g, "");
}

/** Damerau-Levenshtein, optimal string alignment: insert, delete, replace, and swap of two neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (row[j - 1] ?? 0) + 1,
        (last[j] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
