import { bitsOf } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { Findings, Subject } from "./findings.ts";
import { renderValue } from "./issue.ts";
import type { RangeConfig } from "./types.ts";

/** Host bits that a slice has at least: its first and last address are not handed out. */
const LEAST_HOST_BITS = 2;

/**
 * Each range with the prefix length of its slices. A size that only fits IPv4 means the same number of addresses in an IPv6
 * range beside it, so that one size serves both of a dual-stack network: "/24" are the slices /24 and /120.
 */
export function withSlices(
  ranges: readonly RangeConfig[],
  size: number | undefined,
  subject: Subject,
  found: Findings,
): RangeConfig[] {
  if (size === undefined) return [...ranges];
  return ranges.map((range) => {
    const { network } = range.range;
    const bits = bitsOf(network.family);
    const fits = (prefix: number) => prefix >= network.prefix && prefix <= bits - LEAST_HOST_BITS;
    if (fits(size)) return { ...range, slicePrefix: size };
    const sameCount = size + bits - 32;
    if (network.family === 6 && size <= 32 && fits(sameCount)) return { ...range, slicePrefix: sameCount };
    const what = `${formatCidr(network)} cannot be cut into slices of ${renderValue(subject.value)}`;
    const hint = `a prefix length from /${network.prefix} to /${bits - LEAST_HOST_BITS} is wanted`;
    found.error("invalid_slice_size", subject, what, hint);
    return range;
  });
}
