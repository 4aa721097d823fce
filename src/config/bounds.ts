import { type Address, addressOf, formatAddress, type Notation, parseAddress } from "../ip/address.ts";
import { type Cidr, contains, formatCidr } from "../ip/cidr.ts";
import type { AddressRange } from "../ip/range.ts";
import type { Findings } from "./findings.ts";
import { renderValue } from "./issue.ts";

/** `range_start` and `range_end` of a range, and how to read them. */
export type Bounds = {
  readonly start: string | undefined;
  readonly end: string | undefined;
  readonly notation: Notation;
  readonly pathOf: (key: "range_start" | "range_end") => string;
};

/**
 * The range between its bounds. Network and broadcast address as a bound mean the first and last host address.
 * Undefined if a bound was refused or no address is left.
 */
export function narrowTo(range: AddressRange, bounds: Bounds, found: Findings): AddressRange | undefined {
  const start = readBound("range_start", bounds.start, range.network, bounds, found);
  const end = readBound("range_end", bounds.end, range.network, bounds, found);
  if (start === REFUSED || end === REFUSED) return undefined;
  if (start && end && end.value < start.value) {
    const what = `range_end ${formatAddress(end)} is before range_start ${formatAddress(start)}`;
    found.error("range_reversed", { path: bounds.pathOf("range_end"), value: bounds.end }, what, "swap them");
    return undefined;
  }
  const first = start && start.value > range.first ? start.value : range.first;
  const last = end && end.value < range.last ? end.value : range.last;
  if (first <= last) return { network: range.network, first, last };

  const show = (value: bigint) => formatAddress(addressOf(range.network.family, value));
  const key = start && start.value > range.last ? "range_start" : "range_end";
  const what = `${key} ${renderValue(key === "range_start" ? bounds.start : bounds.end)} leaves no address`;
  const hint = `the range hands out ${show(range.first)} to ${show(range.last)}`;
  found.error("bounds_empty", { path: bounds.pathOf(key), value: bounds.start ?? bounds.end }, what, hint);
  return undefined;
}

const REFUSED = Symbol("refused");

function readBound(
  key: "range_start" | "range_end",
  text: string | undefined,
  network: Cidr,
  bounds: Bounds,
  found: Findings,
): Address | undefined | typeof REFUSED {
  if (text === undefined || text === "") return undefined;
  const subject = { path: bounds.pathOf(key), value: text };
  const parsed = parseAddress(text, bounds.notation);
  if (!parsed.ok) {
    // Upstream ignores an unreadable bound of the legacy range, but refuses one in ipRanges.
    const code = bounds.notation === "sloppy" ? "invalid_bound" : "invalid_address";
    found.error(code, subject, `${renderValue(text)} is not an IP address`, parsed.error.hint);
    return REFUSED;
  }
  if (contains(network, parsed.value)) return parsed.value;
  const hint = `an address of ${formatCidr(network)} is wanted`;
  found.error("bound_outside", subject, `${key} ${renderValue(text)} is not in ${formatCidr(network)}`, hint);
  return REFUSED;
}
