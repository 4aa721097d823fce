import { type Family, parseAddress } from "../ip/address.ts";
import { type Cidr, formatCidr, lastOf, parseCidr } from "../ip/cidr.ts";
import type { Interval } from "../ip/interval.ts";
import type { Findings } from "./findings.ts";
import { renderValue } from "./issue.ts";

/**
 * Reads one entry of `exclude`, a network (host bits are dropped) or a single address; strictly, as upstream.
 * It may be larger than the range, but must have something in common with the range's network.
 */
export function readExclude(
  text: string,
  network: Cidr,
  path: string,
  found: Findings,
): Interval | undefined {
  const subject = { path, value: text };
  const parsed = parseExclude(text);
  if ("hint" in parsed) {
    found.error(parsed.code, subject, `${renderValue(text)} is not a network or an address`, parsed.hint);
    return undefined;
  }
  const { family, interval } = parsed;
  if (family === network.family && interval.first <= lastOf(network) && interval.last >= network.base) {
    return interval;
  }
  const what = `${renderValue(text)} has no address in common with ${formatCidr(network)}`;
  found.error("exclude_outside", subject, what, "remove it, or correct it: it excludes nothing");
  return undefined;
}

type Parsed = { readonly family: Family; readonly interval: Interval };
type Refused = { readonly code: "invalid_cidr" | "invalid_address"; readonly hint: string };

function parseExclude(text: string): Parsed | Refused {
  if (!text.includes("/")) {
    const single = parseAddress(text);
    if (!single.ok) return { code: "invalid_address", hint: single.error.hint };
    const { family, value } = single.value;
    return { family, interval: { first: value, last: value } };
  }
  const parsed = parseCidr(text);
  if (!parsed.ok) return { code: "invalid_cidr", hint: parsed.error.hint };
  return { family: parsed.value.family, interval: { first: parsed.value.base, last: lastOf(parsed.value) } };
}
