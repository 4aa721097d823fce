import { type Address, type Notation, parseAddress } from "../ip/address.ts";
import { type InterfaceAddress, parseInterfaceAddress } from "../ip/cidr.ts";
import type { Findings } from "./findings.ts";
import { renderValue } from "./issue.ts";
import { element, member } from "./json-path.ts";
import type { AssignedAddress, Dns, Route } from "./types.ts";

type AddressEntry = { readonly address?: string; readonly gateway?: string };
type RouteEntry = Omit<Route, "dst" | "gw"> & { readonly dst?: string; readonly gw?: string };

/** An address, or undefined if there is none or it was refused. "" is none, as for Go's net.IP. */
export function readAddress(
  text: string | undefined,
  path: string,
  found: Findings,
  notation: Notation = "strict",
): Address | undefined {
  if (text === undefined || text === "") return undefined;
  const parsed = parseAddress(text, notation);
  if (parsed.ok) return parsed.value;
  found.error(
    "invalid_address",
    { path, value: text },
    `${renderValue(text)} is not an IP address`,
    parsed.error.hint,
  );
  return undefined;
}

/** The `addresses` of static (strict) and of whereabouts (sloppy, but for the gateways: as upstream). */
export function readAddresses(
  entries: readonly AddressEntry[] | undefined,
  base: string,
  notation: Notation,
  found: Findings,
): AssignedAddress[] {
  const addresses: AssignedAddress[] = [];
  for (const [index, entry] of (entries ?? []).entries()) {
    const path = element(base, index);
    const address = readInterfaceAddress(entry.address, member(path, "address"), notation, found);
    const gateway = readAddress(entry.gateway, member(path, "gateway"), found);
    if (address) addresses.push({ address, ...(gateway && { gateway }) });
  }
  return addresses;
}

function readInterfaceAddress(
  text: string | undefined,
  path: string,
  notation: Notation,
  found: Findings,
): InterfaceAddress | undefined {
  const parsed = parseInterfaceAddress(text ?? "", notation);
  if (parsed.ok) return parsed.value;
  const what = text
    ? `${renderValue(text)} is not an address with its prefix length`
    : "the address is missing";
  const hint = text ? parsed.error.hint : "an address with its prefix length such as 192.0.2.7/24 is wanted";
  found.error("invalid_cidr", { path, value: text }, what, hint);
  return undefined;
}

export function readRoutes(
  entries: readonly RouteEntry[] | undefined,
  base: string,
  found: Findings,
): Route[] {
  const routes: Route[] = [];
  for (const [index, entry] of (entries ?? []).entries()) {
    const path = element(base, index);
    const dst = readDestination(entry.dst, member(path, "dst"), found);
    const gw = readAddress(entry.gw, member(path, "gw"), found);
    const { dst: _dst, gw: _gw, ...numbers } = entry;
    if (dst) routes.push({ dst, ...(gw && { gw }), ...numbers });
  }
  return routes;
}

function readDestination(
  text: string | undefined,
  path: string,
  found: Findings,
): InterfaceAddress | undefined {
  if (text === undefined) {
    const hint = "a network such as 10.0.0.0/8, or 0.0.0.0/0 or ::/0 for the default route";
    found.error("missing_destination", { path, value: text }, "the route has no destination", hint);
    return undefined;
  }
  const parsed = parseInterfaceAddress(text);
  if (parsed.ok) return parsed.value;
  found.error(
    "invalid_cidr",
    { path, value: text },
    `${renderValue(text)} is not a network`,
    parsed.error.hint,
  );
  return undefined;
}

/** Without what is empty: Go leaves it out of the result. */
export function readDns(dns: Dns | undefined): Dns {
  const { nameservers, domain, search, options } = dns ?? {};
  return {
    ...(nameservers?.length && { nameservers }),
    ...(domain && { domain }),
    ...(search?.length && { search }),
    ...(options?.length && { options }),
  };
}
