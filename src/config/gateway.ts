import { type Address, formatAddress } from "../ip/address.ts";
import { contains } from "../ip/cidr.ts";
import { subtract } from "../ip/interval.ts";
import { readAddress } from "./entries.ts";
import type { Findings } from "./findings.ts";
import { renderValue } from "./issue.ts";
import type { ParsedRange } from "./ranges.ts";
import type { AssignedAddress, RangeConfig, WhereaboutsConfig } from "./types.ts";

/** Reads `gateway`, sloppily as upstream. */
export function readGateway(
  text: string | undefined,
  path: string,
  found: Findings,
): WhereaboutsConfig["gateways"] {
  const gateway = readAddress(text, path, found, "sloppy");
  return gateway ? { [gateway.family]: gateway } : {};
}

/** A gateway that no address could use means that another one was meant; upstream sets it on the wrong family. */
export function checkGateway(
  gateway: Address,
  path: string,
  ranges: readonly ParsedRange[],
  addresses: readonly AssignedAddress[],
  found: Findings,
): void {
  const subject = { path, value: formatAddress(gateway) };
  const own = ranges.filter(({ range }) => range.network.family === gateway.family);
  const hasAddress = addresses.some(({ address }) => address.address.family === gateway.family);
  if (own.length === 0 && !hasAddress && ranges.length + addresses.length > 0) {
    const what = `the gateway ${subject.value} is IPv${gateway.family}, and no range or address is`;
    const hint = `write an IPv${gateway.family === 4 ? 6 : 4} gateway, or add an IPv${gateway.family} range`;
    found.error("gateway_without_range", subject, what, hint);
  } else if (own.length > 0 && !own.some(({ range }) => contains(range.network, gateway))) {
    const what = `the gateway ${subject.value} is in no range; pods reach it only by a route of their own`;
    found.warn("gateway_outside", subject, what, "check the address, or add a route to it");
  }
}

/** What a range can hand out: without what is excluded, and without the gateway. Refused if that is nothing. */
export function freeOf(
  { path, range, exclude, excludeText }: ParsedRange,
  gateway: Address | undefined,
  gatewayPath: string,
  found: Findings,
): RangeConfig {
  const unexcluded = subtract(range, exclude);
  const taken =
    gateway?.family === range.network.family ? [{ first: gateway.value, last: gateway.value }] : [];
  const free = unexcluded.flatMap((interval) => subtract(interval, taken));
  if (unexcluded.length === 0) {
    const what = "everything of the range is excluded";
    found.error("range_empty", excludeText, what, "exclude less, or choose a larger range");
  } else if (free.length === 0 && gateway) {
    const what = `nothing but the gateway ${renderValue(formatAddress(gateway))} is left of the range at ${path}`;
    found.error(
      "only_gateway_left",
      { path: gatewayPath, value: formatAddress(gateway) },
      what,
      "choose a larger range",
    );
  }
  return { path, range, free, exclude };
}
