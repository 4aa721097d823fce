import type { Route } from "../../cni/result.ts";
import type { Address } from "../../ip/address.ts";
import { addressOf } from "../../ip/address.ts";
import { networkOf } from "../../ip/cidr.ts";
import { address4, uint32 } from "../bytes.ts";
import { OPTION } from "./message.ts";

/** Values of single options. Undefined: the option is absent or its value is not what the RFC says. */

export type Options = ReadonlyMap<number, Uint8Array>;

/** More routes or addresses than this are not taken over from a server. */
const MOST = 256;
/** RFC 3442: a router of 0.0.0.0 means that the destination is on the link. */
const SCOPE_LINK = 253;

export function readAddress(options: Options, code: number): Address | undefined {
  const value = options.get(code);
  return value?.length === 4 ? address4(value, 0) : undefined;
}

/** None where the length is not a multiple of four. */
export function readAddresses(options: Options, code: number): Address[] {
  const value = options.get(code) ?? new Uint8Array();
  if (value.length % 4 !== 0) return [];
  const count = Math.min(value.length / 4, MOST);
  return Array.from({ length: count }, (_, index) => address4(value, index * 4));
}

export function readSeconds(options: Options, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 4 ? uint32(value, 0) : undefined;
}

/** Option 26 (RFC 2132 section 5.1: 68 at least). */
export function readMtu(options: Options): number | undefined {
  const value = options.get(OPTION.mtu);
  if (value?.length !== 2) return undefined;
  const mtu = ((value[0] ?? 0) << 8) | (value[1] ?? 0);
  return mtu >= 68 ? mtu : undefined;
}

/** Option 1 as a prefix length, from 1 to 32; a mask with holes is none. */
export function readPrefix(options: Options): number | undefined {
  const mask = readSeconds(options, OPTION.subnetMask);
  if (mask === undefined || mask === 0) return undefined;
  const prefix = Math.clz32(~mask);
  return (0xffff_ffff << (32 - prefix)) >>> 0 === mask ? prefix : undefined;
}

/** Printable text without the zeros that some servers put behind it (RFC 2132 section 2). */
export function readText(options: Options, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const text = new TextDecoder().decode(value).replace(/\0+$/, "");
  return text === "" || /\p{Cc}/u.test(text) ? undefined : text;
}

/** Option 121 or 249 (RFC 3442): width, the significant bytes of the destination, router. Undefined if it is malformed. */
export function readClasslessRoutes(options: Options, code: number): Route[] | undefined {
  const value = options.get(code);
  if (value === undefined || value.length === 0) return undefined;
  const routes: Route[] = [];
  for (let at = 0; at < value.length && routes.length < MOST; ) {
    const width = value[at] ?? 0;
    const significant = Math.ceil(width / 8);
    const end = at + 1 + significant + 4;
    if (width > 32 || end > value.length) return undefined;
    const destination = new Uint8Array(4);
    destination.set(value.subarray(at + 1, at + 1 + significant));
    routes.push(route(address4(destination, 0), width, address4(value, end - 4)));
    at = end;
  }
  return routes;
}

/** Option 33 (RFC 2132 section 5.8): pairs of destination and router, the mask by the class of the destination. */
export function readStaticRoutes(options: Options): Route[] {
  const addresses = readAddresses(options, OPTION.staticRoutes);
  const routes: Route[] = [];
  for (let at = 0; at + 1 < addresses.length; at += 2) {
    const [destination, router] = [addresses[at], addresses[at + 1]];
    const width = destination && classfulPrefix(Number(destination.value));
    if (destination && router && width) routes.push(route(destination, width, router));
  }
  return routes;
}

/** RFC 791 classes A, B and C; undefined for 0.0.0.0 (RFC 2132: illegal here), multicast and reserved addresses. */
function classfulPrefix(address: number): number | undefined {
  const first = address >>> 24;
  if (first === 0 || first >= 224) return undefined;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

function route(destination: Address, prefix: number, router: Address): Route {
  const dst = { address: addressOf(4, networkOf(destination, prefix).base), prefix };
  return router.value === 0n ? { dst, gw: router, scope: SCOPE_LINK } : { dst, gw: router };
}
