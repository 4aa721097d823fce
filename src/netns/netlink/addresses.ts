import { address4, address6, bytesOfAddress } from "../../dhcp/bytes.ts";
import { type Address, addressOf, bitsOf, formatAddress } from "../../ip/address.ts";
import { formatInterfaceAddress, type InterfaceAddress, lastOf, networkOf } from "../../ip/cidr.ts";
import { ok, type Result } from "../../result.ts";
import { describeErrno, type NetnsError, netnsError } from "../error.ts";
import { AF_INET, AF_INET6 } from "../libc.ts";
import {
  attributesOf,
  int32,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  viewOf,
  withAttributes,
} from "./message.ts";
import type { Netlink } from "./socket.ts";

/** An address that an interface carries. */
export type CarriedAddress = {
  readonly address: InterfaceAddress;
  /** Duplicate address detection is under way: it can send nothing yet (RFC 4862 section 5.4). */
  readonly tentative: boolean;
};

/** A route through one interface. Without `gateway` the destination is on the link. */
export type LinkRoute = {
  readonly destination: InterfaceAddress;
  readonly gateway?: Address;
  readonly metric?: number;
};

// linux/rtnetlink.h, linux/if_addr.h
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_F_TENTATIVE = 0x40;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RT_TABLE_MAIN = 254;
const RTPROT_DHCP = 16;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTNH_F_ONLINK = 4;
const IFADDRMSG = 8;
const ENODEV = 19;
const ESRCH = 3;
const EADDRNOTAVAIL = 99;

/** The addresses of one family that the interface carries. */
export function addressesOf(
  netlink: Netlink,
  index: number,
  family: 4 | 6,
): Result<readonly CarriedAddress[], NetnsError> {
  const head = new Uint8Array(IFADDRMSG);
  head[0] = domainOf(family);
  const answer = netlink.request(RTM_GETADDR, NLM_F_DUMP, head);
  if (!answer.ok) return netnsError("refused", `addresses: ${describeErrno(answer.error)}`);
  return ok(
    answer.value.flatMap(({ payload }) => {
      if (payload.length < IFADDRMSG || viewOf(payload).getUint32(4, true) !== index) return [];
      const attributes = attributesOf(payload, IFADDRMSG);
      const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
      if (bytes?.length !== bitsOf(family) / 8) return [];
      const address = {
        address: family === 4 ? address4(bytes, 0) : address6(bytes, 0),
        prefix: payload[1] ?? 0,
      };
      return [{ address, tentative: ((payload[2] ?? 0) & IFA_F_TENTATIVE) !== 0 }];
    }),
  );
}

/** Gives the interface an address; one that is there already is no error. */
export function addAddress(
  netlink: Netlink,
  index: number,
  address: InterfaceAddress,
): Result<void, NetnsError> {
  const { family } = address.address;
  const answer = netlink.request(
    RTM_NEWADDR,
    NLM_F_CREATE | NLM_F_REPLACE,
    addressMessage(index, address, family === 4 && address.prefix < 31),
  );
  if (answer.ok) return ok(undefined);
  return refused(`adding ${formatInterfaceAddress(address)}`, answer.error);
}

/** Takes an address away; one that is not there is no error. The kernel takes the routes of its network with it. */
export function removeAddress(
  netlink: Netlink,
  index: number,
  address: InterfaceAddress,
): Result<void, NetnsError> {
  const answer = netlink.request(RTM_DELADDR, 0, addressMessage(index, address, false));
  if (answer.ok || answer.error === EADDRNOTAVAIL) return ok(undefined);
  return refused(`removing ${formatInterfaceAddress(address)}`, answer.error);
}

/** Sets a route, in the place of one to the same destination with the same metric. */
export function addRoute(netlink: Netlink, index: number, route: LinkRoute): Result<void, NetnsError> {
  const answer = netlink.request(
    RTM_NEWROUTE,
    NLM_F_CREATE | NLM_F_REPLACE,
    routeMessage(index, route, true),
  );
  return answer.ok ? ok(undefined) : refused(`adding the route ${describeRoute(route)}`, answer.error);
}

/** Takes a route away; one that is not there is no error. */
export function removeRoute(netlink: Netlink, index: number, route: LinkRoute): Result<void, NetnsError> {
  const answer = netlink.request(RTM_DELROUTE, 0, routeMessage(index, route, false));
  if (answer.ok || answer.error === ESRCH) return ok(undefined);
  return refused(`removing the route ${describeRoute(route)}`, answer.error);
}

/** struct ifaddrmsg with its attributes. */
function addressMessage(
  index: number,
  { address, prefix }: InterfaceAddress,
  broadcast: boolean,
): Uint8Array {
  const head = new Uint8Array(IFADDRMSG);
  head[0] = domainOf(address.family);
  head[1] = prefix;
  new DataView(head.buffer).setUint32(4, index, true);
  const bytes = bytesOfAddress(address);
  const last = bytesOfAddress(addressOf(address.family, lastOf(networkOf(address, prefix))));
  return withAttributes(head, [
    [IFA_LOCAL, bytes],
    [IFA_ADDRESS, bytes],
    ...(broadcast ? [[IFA_BROADCAST, last] as const] : []),
  ]);
}

/** struct rtmsg with its attributes. */
function routeMessage(index: number, { destination, gateway, metric }: LinkRoute, add: boolean): Uint8Array {
  const { address, prefix } = destination;
  const { base, family } = networkOf(address, prefix);
  const head = new Uint8Array(12);
  head[0] = domainOf(family);
  head[1] = prefix;
  head[4] = RT_TABLE_MAIN;
  if (add) {
    head[5] = RTPROT_DHCP;
    head[7] = RTN_UNICAST;
    // A gateway outside the network of the address is reached over the link all the same (RFC 3442, cloud networks).
    if (gateway) new DataView(head.buffer).setUint32(8, RTNH_F_ONLINK, true);
  }
  const scope = gateway || family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  head[6] = add ? scope : RT_SCOPE_NOWHERE; // nowhere: whatever scope the route has
  return withAttributes(head, [
    ...(prefix > 0 ? [[RTA_DST, bytesOfAddress(addressOf(family, base))] as const] : []),
    [RTA_OIF, int32(index)],
    ...(gateway ? [[RTA_GATEWAY, bytesOfAddress(gateway)] as const] : []),
    ...(metric ? [[RTA_PRIORITY, int32(metric)] as const] : []),
  ]);
}

function refused(what: string, errno: number): Result<never, NetnsError> {
  return netnsError(errno === ENODEV ? "link_gone" : "refused", `${what}: ${describeErrno(errno)}`);
}

function describeRoute({ destination, gateway }: LinkRoute): string {
  return `${formatInterfaceAddress(destination)}${gateway ? ` via ${formatAddress(gateway)}` : ""}`;
}

function domainOf(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6;
}
