import type { Dns, Route } from "../../cni/result.ts";
import { type Address, addressOf, formatAddress, sameAddress } from "../../ip/address.ts";
import { lastOf, networkOf } from "../../ip/cidr.ts";
import { NO_ADDRESS } from "../bytes.ts";
import type { Lease, LeaseTimes } from "../lease.ts";
import { decodeNames, isDomainName } from "../names.ts";
import { type Message, OPTION } from "./message.ts";
import {
  readAddress,
  readAddresses,
  readClasslessRoutes,
  readMtu,
  readPrefix,
  readStaticRoutes,
  readText,
} from "./options.ts";

/** Why the address of an OFFER or ACK cannot be used, as a sentence; undefined if it can. */
export function refusalOf(message: Message, previous?: Lease): string | undefined {
  const { yiaddr } = message;
  const server = readAddress(message.options, OPTION.serverId);
  if (server === undefined || !isUnicast(server)) return "the server identifier (option 54) is no address";
  if (!isUnicast(yiaddr)) return `${formatAddress(yiaddr)} is not an address for a host`;
  const prefix = prefixOf(message, previous);
  if (prefix === undefined) {
    return message.options.has(OPTION.subnetMask)
      ? "the subnet mask (option 1) is not a mask"
      : "DHCP option Subnet Mask not found in DHCPACK";
  }
  const network = networkOf(yiaddr, prefix);
  const isEdge = yiaddr.value === network.base || yiaddr.value === lastOf(network);
  // RFC 3021: both addresses of a /31 are hosts.
  if (prefix < 31 && isEdge) {
    return `${formatAddress(yiaddr)}/${prefix} is the network or broadcast address of its subnet`;
  }
  return undefined;
}

/** Neither 0.0.0.0/8, loopback, multicast, reserved nor broadcast. */
function isUnicast({ value }: Address): boolean {
  const first = Number(value >> 24n);
  return first !== 0 && first !== 127 && first < 224;
}

/** A server that renews may leave the mask out; it is what it was. */
function prefixOf(message: Message, previous?: Lease): number | undefined {
  if (message.options.has(OPTION.subnetMask)) return readPrefix(message.options);
  const same = previous !== undefined && sameAddress(previous.address.address, message.yiaddr);
  return same ? previous.address.prefix : undefined;
}

/** What an ACK gives, once `refusalOf` has found nothing. */
export function readLease(message: Message, times: LeaseTimes, previous?: Lease): Lease {
  const { options, yiaddr } = message;
  const gateway = readAddresses(options, OPTION.routers).find(isUnicast);
  const mtu = readMtu(options);
  return {
    family: 4,
    address: { address: yiaddr, prefix: prefixOf(message, previous) ?? 32 },
    server: readAddress(options, OPTION.serverId) ?? NO_ADDRESS,
    ...(gateway && { gateway }),
    routes: routesOf(message, gateway),
    dns: dnsOf(message),
    ntp: readAddresses(options, OPTION.ntp).filter(isUnicast),
    ...(mtu !== undefined && { mtu }),
    delegated: [],
    times,
    options: Object.fromEntries([...options].map(([code, value]) => [String(code), value.toHex()])),
  };
}

/** RFC 3442: where classless routes come, routers and static routes are ignored. */
function routesOf({ options }: Message, gateway: Address | undefined): readonly Route[] {
  const classless =
    readClasslessRoutes(options, OPTION.classlessRoutes) ??
    readClasslessRoutes(options, OPTION.microsoftRoutes);
  if (classless !== undefined) return classless;
  const everywhere = { address: addressOf(4, 0n), prefix: 0 };
  return [...readStaticRoutes(options), ...(gateway ? [{ dst: everywhere, gw: gateway }] : [])];
}

function dnsOf({ options }: Message): Dns {
  // A resolver on the loopback of the server is of no use here, but one in the pod may be meant: kept.
  const nameservers = readAddresses(options, OPTION.dns)
    .filter(({ value }) => value !== 0n)
    .map(formatAddress);
  const domain = readText(options, OPTION.domainName);
  const search = decodeNames(options.get(OPTION.domainSearch) ?? new Uint8Array()) ?? [];
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== undefined && isDomainName(domain) && { domain }),
    ...(search.length > 0 && { search }),
  };
}
