import { formatCidr } from "../ip/cidr.ts";
import { type Interval, normalise } from "../ip/interval.ts";
import { type AddressRange, parseRange } from "../ip/range.ts";
import { type Bounds, narrowTo } from "./bounds.ts";
import { readExclude } from "./exclude.ts";
import type { Findings, Subject } from "./findings.ts";
import type { Merged } from "./flat-file.ts";
import { renderValue } from "./issue.ts";
import { element, member } from "./json-path.ts";
import type { RangeEntry, WhereaboutsIpam } from "./schema/whereabouts.ts";

/** A range before the gateway is known. */
export type ParsedRange = {
  readonly path: string;
  readonly range: AddressRange;
  readonly exclude: readonly Interval[];
  readonly excludeText: Subject;
};

/** Where each part of a range was written; with a flat file the parts may come from two places. */
type RangePlace = {
  readonly owner: string;
  readonly pathOf: (key: keyof RangeEntry) => string;
  /** Upstream reads the bounds of the legacy range sloppily and those in ipRanges strictly. */
  readonly notation: Bounds["notation"];
};

/** All ranges, the legacy one first, as upstream; undefined if one of them was refused. */
export function readRanges(source: Merged<WhereaboutsIpam>, found: Findings): ParsedRange[] | undefined {
  const { values, pathOf, ownerOf } = source;
  const ranges: (ParsedRange | undefined)[] = [];
  if (values.range) {
    const place: RangePlace = { owner: ownerOf("range"), pathOf, notation: "sloppy" };
    ranges.push(readRange(values, place, found));
  } else {
    warnOfLooseBounds(source, found);
  }
  for (const [index, entry] of (values.ipRanges ?? []).entries()) {
    const owner = element(pathOf("ipRanges"), index);
    const place: RangePlace = { owner, pathOf: (key) => member(owner, key), notation: "strict" };
    ranges.push(readRange(entry, place, found));
  }
  const good = ranges.filter((range) => range !== undefined);
  warnOfDuplicates(good, found);
  const isComplete =
    good.length === ranges.length && !found.isBroken("ipam.range") && !found.isBroken("ipam.ipRanges");
  return isComplete ? good : undefined;
}

function readRange(entry: RangeEntry, place: RangePlace, found: Findings): ParsedRange | undefined {
  const whole = readRangeText(entry.range, place.pathOf("range"), found);
  if (whole === undefined) return undefined;
  const range = narrowTo(whole, { start: entry.range_start, end: entry.range_end, ...place }, found);
  const excludePath = place.pathOf("exclude");
  const exclude: Interval[] = [];
  for (const [index, text] of (entry.exclude ?? []).entries()) {
    const interval = readExclude(text, whole.network, element(excludePath, index), found);
    if (interval) exclude.push(interval);
  }
  const path = place.owner.replace(/: $/, "");
  const excludeText = { path: excludePath, value: entry.exclude };
  return range && { path, range, exclude: normalise(exclude), excludeText };
}

function readRangeText(text: string | undefined, path: string, found: Findings): AddressRange | undefined {
  if (text === undefined || text === "") {
    const hint = "a range such as 192.168.2.0/24 is wanted; without one remove the whole entry";
    found.error("missing_range", { path, value: text }, "the range is missing", hint);
    return undefined;
  }
  const parsed = parseRange(text);
  if (parsed.ok) return parsed.value;
  const { code, hint } = parsed.error;
  // Upstream refuses a network without host addresses, but not first-last bounds that leave none in a larger one.
  const isBoundsFault = code === "range_too_small" && parseRange(text.slice(text.indexOf("-") + 1)).ok;
  const what =
    code === "range_too_small" || code === "range_reversed" ? "has no usable address" : "is not a range";
  found.error(
    isBoundsFault ? "bounds_empty" : code,
    { path, value: text },
    `${renderValue(text)} ${what}`,
    hint,
  );
  return undefined;
}

/** Bounds and excludes without a range do nothing; most likely the range is misspelt or stands elsewhere. */
function warnOfLooseBounds({ values, pathOf }: Merged<WhereaboutsIpam>, found: Findings): void {
  if (found.isBroken("ipam.range")) return;
  for (const key of ["range_start", "range_end", "exclude"] as const) {
    const value = values[key];
    if (value === undefined || value.length === 0) continue;
    const hint = values.ipRanges?.length ? "move it into an entry of ipRanges" : 'add a "range"';
    found.warn(
      "bound_without_range",
      { path: pathOf(key), value },
      `"${key}" has no effect without a range beside it`,
      hint,
    );
  }
}

/** Legal: it gives the pod two addresses of one network. Mostly a copying mistake. */
function warnOfDuplicates(ranges: readonly ParsedRange[], found: Findings): void {
  const seen = new Map<string, string>();
  for (const { path, range } of ranges) {
    const network = formatCidr(range.network);
    const before = seen.get(network);
    if (before === undefined) {
      seen.set(network, path);
      continue;
    }
    const what = `${network} stands at ${before} already: a pod gets two addresses of this network`;
    found.warn(
      "duplicate_range",
      { path: member(path, "range"), value: network },
      what,
      "remove one if that is not meant",
    );
  }
}
