import { err, ok, type Result } from "../result.ts";
import { addressOf, bitsOf, formatAddress, parseAddress } from "./address.ts";
import { type Cidr, contains, formatCidr, lastOf, networkOf, parseInterfaceAddress } from "./cidr.ts";
import type { IpError } from "./error.ts";

/** The part of a network that addresses are handed out from; `first` and `last` are usable host addresses. */
export type AddressRange = { readonly network: Cidr; readonly first: bigint; readonly last: bigint };

/**
 * Reads a range of whereabouts: `network/len`, or `first-last/len` (contract: ParseCIDRSloppy, so leading
 * zeros are accepted). Network and broadcast address are never part of it, in both families.
 */
export function parseRange(text: string): Result<AddressRange, IpError> {
  const dash = text.indexOf("-");
  const end = parseInterfaceAddress(text.slice(dash + 1), "sloppy");
  if (!end.ok) return err({ ...end.error, value: text });
  const network = networkOf(end.value.address, end.value.prefix);
  const usable = usableOf(network, text);
  if (!usable.ok || dash < 0) return usable;

  const start = parseAddress(text.slice(0, dash), "sloppy");
  if (!start.ok) return err({ ...start.error, value: text });
  if (!contains(network, start.value)) {
    const hint = `its first address ${formatAddress(start.value)} is not in ${formatCidr(network)}`;
    return err({ code: "invalid_range", value: text, hint });
  }
  return narrow(usable.value, start.value.value, end.value.address.value, text);
}

/**
 * The range without what lies before `from` or behind `to` (both inclusive and inside the network).
 * `value` is the text that an error names.
 */
export function narrow(
  range: AddressRange,
  from: bigint,
  to: bigint,
  value: string,
): Result<AddressRange, IpError> {
  if (to < from) {
    const show = (at: bigint) => formatAddress(addressOf(range.network.family, at));
    const hint = `the last address ${show(to)} is before the first ${show(from)}; swap them`;
    return err({ code: "range_reversed", value, hint });
  }
  const first = from > range.first ? from : range.first;
  const last = to < range.last ? to : range.last;
  if (last < first) {
    const hint = "only the network or broadcast address is left, and neither is ever handed out";
    return err({ code: "range_too_small", value, hint });
  }
  return ok({ network: range.network, first, last });
}

/** All host addresses of a network. /31, /32, /127 and /128 have none, as upstream. */
function usableOf(network: Cidr, value: string): Result<AddressRange, IpError> {
  const bits = bitsOf(network.family);
  if (network.prefix > bits - 2) {
    const hint = `a /${network.prefix} has no address to hand out; a /${bits - 2} or a larger network is wanted`;
    return err({ code: "range_too_small", value, hint });
  }
  return ok({ network, first: network.base + 1n, last: lastOf(network) - 1n });
}
