import type { Address, Family } from "../ip/address.ts";
import { formatAddress } from "../ip/address.ts";
import { formatInterfaceAddress, type InterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import { CniCode, type CniError, cniError } from "./error.ts";
import { atLeast, type CniVersion } from "./version.ts";

/** A route of a result. `mtu`, `advmss` and `priority` of 0 mean unset; a `table` or `scope` of 0 is a value. */
export type Route = {
  readonly dst: InterfaceAddress;
  readonly gw?: Address;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
};

export type Dns = {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
};

export type AssignedAddress = { readonly address: InterfaceAddress; readonly gateway?: Address };

/** What an IPAM plugin answers to ADD, in no version's shape yet. */
export type IpamResult = {
  readonly ips: readonly AssignedAddress[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
};

/** The text on stdout in the shape of one version of the specification: four spaces, no newline at the end. */
export function renderResult(result: IpamResult, version: CniVersion): Result<string, CniError> {
  if (atLeast(version, "1.0.0")) return ok(text(shape100(result, version)));
  if (atLeast(version, "0.3.0")) return ok(text(shape030(result, version)));
  if (result.ips.length > 0) return ok(text(shape010(result, version)));
  const hint = `cniVersion ${version} has no result without an address; 0.3.0 and later have`;
  return err(cniError(CniCode.internal, "cannot convert: no valid IP addresses", hint));
}

function text(shape: object): string {
  return JSON.stringify(shape, null, 4);
}

// From 1.0.0 on Go prints keys in alphabetical order and leaves out what is empty.
function shape100({ ips, routes, dns }: IpamResult, cniVersion: CniVersion): object {
  const { nameservers, domain, search, options } = presentDns(dns);
  return {
    cniVersion,
    ...(Object.keys(presentDns(dns)).length > 0 && { dns: { domain, nameservers, options, search } }),
    ...(ips.length > 0 && { ips: ips.map(shapeAddress) }),
    ...(routes.length > 0 && {
      routes: routes.map((route) => {
        const { dst, gw, mtu, advmss, priority, table, scope } = shapeRoute(route);
        return { advmss, dst, gw, mtu, priority, scope, table };
      }),
    }),
  };
}

function shape030({ ips, routes, dns }: IpamResult, cniVersion: CniVersion): object {
  return {
    cniVersion,
    ...(ips.length > 0 && {
      ips: ips.map((ip) => ({ version: String(ip.address.address.family), ...shapeAddress(ip) })),
    }),
    ...(routes.length > 0 && { routes: routes.map(shapeRoute) }),
    dns: presentDns(dns),
  };
}

// Before 0.3.0 a result has room for one address a family, and routes lie with their family.
function shape010(result: IpamResult, cniVersion: CniVersion): object {
  const ip4 = shapeFamily(result, 4);
  const ip6 = shapeFamily(result, 6);
  return { cniVersion, ...(ip4 && { ip4 }), ...(ip6 && { ip6 }), dns: presentDns(result.dns) };
}

function shapeFamily({ ips, routes }: IpamResult, family: Family): object | undefined {
  const first = ips.find((ip) => ip.address.address.family === family);
  if (first === undefined) return undefined;
  const { address, gateway } = shapeAddress(first);
  const own = routes.filter((route) => route.dst.address.family === family).map(shapeRoute);
  return {
    ip: address,
    ...(gateway !== undefined && { gateway }),
    ...(own.length > 0 && { routes: own.map(({ dst, gw }) => ({ dst, ...(gw !== undefined && { gw }) })) }),
  };
}

function shapeAddress({ address, gateway }: AssignedAddress): { address: string; gateway?: string } {
  return {
    address: formatInterfaceAddress(address),
    ...(gateway && { gateway: formatAddress(gateway) }),
  };
}

type RouteShape = Omit<Route, "dst" | "gw"> & { readonly dst: string; readonly gw?: string };

function shapeRoute({ dst, gw, mtu, advmss, priority, table, scope }: Route): RouteShape {
  return {
    dst: formatInterfaceAddress(dst),
    ...(gw && { gw: formatAddress(gw) }),
    ...(mtu && { mtu }),
    ...(advmss && { advmss }),
    ...(priority && { priority }),
    ...(table !== undefined && { table }),
    ...(scope !== undefined && { scope }),
  };
}

function presentDns({ nameservers, domain, search, options }: Dns): Dns {
  return {
    ...(nameservers?.length && { nameservers }),
    ...(domain && { domain }),
    ...(search?.length && { search }),
    ...(options?.length && { options }),
  };
}
