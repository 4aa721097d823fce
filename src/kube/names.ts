import type { Address } from "../ip/address.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import { contains, formatCidr, networkOf, parseCidr } from "../ip/cidr.ts";
import { decodeName, encodeName, labelOf } from "./name-encoding.ts";

/**
 * Names of whereabouts' objects, made and read here only. They join parts with "-", which the parts may hold too, so
 * a name alone does not always tell its parts: a reader brings what the object itself says (`spec.range`) or gets every
 * possible reading.
 */

/** What an IPPool is about: a range of a network, or the slice of it that one node has. */
export type PoolParts = {
  /** "": the common name space. */
  readonly networkName: string;
  /** Set for the pool of a node's slice. */
  readonly node?: string;
  /** The range, or the slice. */
  readonly range: Cidr;
};

/** `R`, `N-R`, `node-R` or `N-node-R`. */
export function poolName({ networkName, node = "", range }: PoolParts): string {
  return encodeName([networkName, node, dashed(formatCidr(range))].filter((part) => part !== "").join("-"));
}

/**
 * What stands before the range in the name of a pool: "", a network name, a node's name, or `network-node`. Undefined
 * if the pool is not called as a pool of that range would be, or if its name is only a digest.
 */
export function poolPrefix(name: string, range: Cidr): string | undefined {
  const plain = decodeName(name);
  const ending = dashed(formatCidr(range));
  if (plain === ending) return "";
  return plain?.endsWith(`-${ending}`) ? plain.slice(0, -ending.length - 1) : undefined;
}

/**
 * The label of the IPPool of a slice, and of reservations of its addresses; its value stands for the node. A node needs to
 * know of its own ones only.
 */
export const SLICE_NODE = "berth.cni.cncf.io/slice-node";

/** The labels of what belongs to a slice of a node. */
export function sliceLabels(node: string): { readonly [key: string]: string } {
  return { [SLICE_NODE]: labelOf(node) };
}

/** What the IPPool of a slice of that node is about; undefined if its name does not tell. */
export function readSliceName(name: string, node: string, range: Cidr): PoolParts | undefined {
  const prefix = poolPrefix(name, range) ?? "";
  if (prefix === node) return { networkName: "", node, range };
  const networkName = prefix.endsWith(`-${node}`) ? prefix.slice(0, -node.length - 1) : "";
  return networkName === "" ? undefined : { networkName, node, range };
}

/** Every range that a pool of that name may have: none if its name is a digest, or not that of a pool. */
export function readPoolRanges(name: string): Cidr[] {
  const plain = decodeName(name) ?? "";
  const starts = [0, ...[...plain.matchAll(/-/g)].map(({ index }) => index + 1)];
  return starts.flatMap((start) => {
    const text = plain.slice(start);
    const [, base = "", prefix = ""] = /^([0-9a-f.-]+)-([0-9]{1,3})$/.exec(text) ?? [];
    const range = parseCidr(`${base.replaceAll("-", ":")}/${prefix}`);
    return range.ok && dashed(formatCidr(range.value)) === text ? [range.value] : [];
  });
}

/** How the name of a pool of an IPv4 range ends. */
const IPV4_ENDING = /(?:^|-)(?:[0-9]{1,3}\.){3}[0-9]{1,3}-([0-9]{1,2})$/;

/** Whether the pool of that name may hold the address. One whose name tells no range may hold anything. */
export function nameAllowsFor(name: string, address: Address): boolean {
  // Most names of most clusters, and a person waits until all of them are looked at.
  const [, prefix] = IPV4_ENDING.exec(name) ?? [];
  if (prefix !== undefined && Number(prefix) <= 32) {
    return address.family === 4 && poolPrefix(name, networkOf(address, Number(prefix))) !== undefined;
  }
  const ranges = readPoolRanges(name);
  return ranges.length === 0 || ranges.some((range) => contains(range, address));
}

/** An IPv4 address, or one behind a network's name. */
const IPV4_NAME = /^(?:(.+)-)?((?:[0-9]{1,3}\.){3}[0-9]{1,3})$/;

/** `address`, or `network-address`. */
export function reservationName(networkName: string, address: Address): string {
  const text = dashed(formatAddress(address));
  return encodeName(networkName === "" ? text : `${networkName}-${text}`);
}

export type ReservationParts = { readonly networkName: string; readonly address: Address };

/**
 * Every (network, address) that a reservation of that name may stand for, the shortest network name first: one for
 * IPv4; for IPv6 often several, since `cafe-1--2` is cafe:1::2 as well as 1::2 of the network cafe. None if it is no such name.
 */
export function readReservationName(name: string): ReservationParts[] {
  const plain = decodeName(name);
  if (plain === undefined) return [];
  const [, network = "", ipv4] = IPV4_NAME.exec(plain) ?? [];
  // Every node hears of every address: the usual case is read at once.
  const usual = ipv4 === undefined ? undefined : undashed(ipv4);
  if (usual) return [{ networkName: network, address: usual }];
  const starts = [0, ...[...plain.matchAll(/-/g)].map(({ index }) => index + 1)];
  return starts.flatMap((start) => {
    // A network's name is followed by one dash; it is not empty.
    if (start === 1) return [];
    const address = undashed(plain.slice(start));
    return address ? [{ networkName: plain.slice(0, Math.max(0, start - 1)), address }] : [];
  });
}

/**
 * A NodeSlicePool is called like its network, or like the CNI configuration where that names no network. `range`: of a
 * further range of the same network, whose first one has the plain name.
 */
export function slicePoolName(networkName: string, range?: Cidr): string {
  return encodeName(range === undefined ? networkName : `${networkName}-${dashed(formatCidr(range))}`);
}

/** The NodeSlicePool by which a node asks for a slice of another one, or returns one. A "_" is in no name of a node. */
export function sliceRequestName(pool: string, node: string, returned?: Cidr): string {
  return encodeName(returned ? `${node}_${pool}_${dashed(formatCidr(returned))}` : `${node}_${pool}`);
}

/** The network (or configuration) of a NodeSlicePool; undefined if its name is only a digest. */
export function readSlicePoolName(name: string): string | undefined {
  return decodeName(name);
}

/** Upstream's rule: a name does not end in ":", and has "-" for ":" and "/". */
function dashed(text: string): string {
  const ended = text.endsWith(":") ? `${text}0` : text;
  return ended.replace(/[:/]/g, "-");
}

/** The address whose text `dashed` makes this of, if any. */
function undashed(text: string): Address | undefined {
  if (!/^[0-9a-f.-]+$/.test(text)) return undefined;
  const colons = text.replaceAll("-", ":");
  const parsed = parseAddress(colons);
  return parsed.ok && dashed(formatAddress(parsed.value)) === text ? parsed.value : undefined;
}
