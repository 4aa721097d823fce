import { ok, type Result } from "../../result.ts";
import { describeErrno, type NetnsError, netnsError } from "../error.ts";
import { attributesOf, cString, int32, readCString, readInt32, viewOf, withAttributes } from "./message.ts";
import type { Netlink } from "./socket.ts";

/** A network interface as the kernel describes it. */
export type Link = {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Six bytes for Ethernet and all that looks like it. */
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** The interface below (macvlan, vlan) or at the other end (veth), by its index in the namespace `peerNetns` or else in this one. */
  readonly peer?: number;
  /** How this namespace numbers the one of `peer`. */
  readonly peerNetns?: number;
  /** What drives it, such as veth, macvlan or ipvlan; "" for hardware. */
  readonly kind: string;
  /** The bridge or bond that it is a port of. */
  readonly master?: number;
};

// linux/rtnetlink.h, linux/if_link.h, linux/if.h
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_GETNSID = 90;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_LINK_NETNSID = 37;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;
const IFF_UP = 1;
const IFINFOMSG = 16;
const RTGENMSG = 4;
const ENODEV = 19;
const EINVAL = 22;
const NONE = new Uint8Array(0);

/** Looks an interface up by its name, or by its index. */
export function linkOf(netlink: Netlink, which: string | number): Result<Link, NetnsError> {
  const named = typeof which === "string";
  const head = ifinfomsg(named ? 0 : which, 0, 0);
  const payload = withAttributes(head, named ? [[IFLA_IFNAME, cString(which)]] : []);
  const answer = netlink.request(RTM_GETLINK, 0, payload);
  if (!answer.ok) {
    const gone = answer.error === ENODEV || (named && answer.error === EINVAL);
    const name = named ? which : `number ${which}`;
    return netnsError(gone ? "link_gone" : "refused", `interface ${name}: ${describeErrno(answer.error)}`);
  }
  const message = answer.value.find(({ type }) => type === RTM_NEWLINK);
  if (message === undefined || message.payload.length < IFINFOMSG) {
    return netnsError("refused", `interface ${which}: the kernel did not describe it`);
  }
  return ok(describe(message.payload));
}

/** Sets an interface up or down. */
export function setLink(netlink: Netlink, index: number, up: boolean): Result<void, NetnsError> {
  const answer = netlink.request(RTM_NEWLINK, 0, ifinfomsg(index, up ? IFF_UP : 0, IFF_UP));
  if (answer.ok) return ok(undefined);
  const code = answer.error === ENODEV ? "link_gone" : "refused";
  return netnsError(code, `setting interface ${index} ${up ? "up" : "down"}: ${describeErrno(answer.error)}`);
}

/** How this namespace numbers the one behind the descriptor; undefined if it knows none such. */
export function netnsNumber(netlink: Netlink, descriptor: number): number | undefined {
  const payload = withAttributes(new Uint8Array(RTGENMSG), [[NETNSA_FD, int32(descriptor)]]);
  const answer = netlink.request(RTM_GETNSID, 0, payload);
  if (!answer.ok || answer.value[0] === undefined) return undefined;
  const number = readInt32(attributesOf(answer.value[0].payload, RTGENMSG).get(NETNSA_NSID));
  return number === -1 ? undefined : number;
}

/** struct ifinfomsg */
function ifinfomsg(index: number, flags: number, change: number): Uint8Array {
  const bytes = new Uint8Array(IFINFOMSG);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return bytes;
}

function describe(payload: Uint8Array): Link {
  const view = viewOf(payload);
  const attributes = attributesOf(payload, IFINFOMSG);
  const peer = readInt32(attributes.get(IFLA_LINK));
  const peerNetns = readInt32(attributes.get(IFLA_LINK_NETNSID));
  const master = readInt32(attributes.get(IFLA_MASTER));
  return {
    index: view.getInt32(4, true),
    name: readCString(attributes.get(IFLA_IFNAME)),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    mac: attributes.get(IFLA_ADDRESS) ?? new Uint8Array(0),
    mtu: readInt32(attributes.get(IFLA_MTU)) ?? 0,
    kind: readCString(attributesOf(attributes.get(IFLA_LINKINFO) ?? NONE, 0).get(IFLA_INFO_KIND)),
    ...(peer !== undefined && { peer }),
    ...(peerNetns !== undefined && { peerNetns }),
    ...(master !== undefined && { master }),
  };
}
