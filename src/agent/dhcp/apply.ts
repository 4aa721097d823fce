import type { Route } from "../../cni/result.ts";
import type { Lease } from "../../dhcp/lease.ts";
import { formatAddress, sameAddress } from "../../ip/address.ts";
import type { NetnsError } from "../../netns/error.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import {
  addAddress,
  addRoute,
  addressesOf,
  type LinkRoute,
  removeAddress,
  removeRoute,
} from "../../netns/netlink/addresses.ts";
import type { Netlink } from "../../netns/netlink/socket.ts";
import { ok, type Result } from "../../result.ts";
import { type LeaseRecord, refOf } from "./record.ts";

/** Why the interface does not have what the record says; undefined if it does. */
export function faultOf(record: LeaseRecord): string | undefined {
  const { lease, trouble } = record;
  if (trouble !== undefined) return trouble;
  if (lease === undefined) return "there is no lease yet";
  const present = atInterface(refOf(record), (netlink, link) => carries(netlink, link.index, lease));
  if (!present.ok) return present.error.message;
  return present.value ? undefined : `the interface does not carry ${formatAddress(lease.address.address)}`;
}

/** Whether the interface is still there; what cannot be found out counts as there. */
export function isPresent(ref: InterfaceRef): boolean {
  const found = atInterface(ref, () => ok(undefined));
  return found.ok || found.error.code === "refused";
}

function carries(netlink: Netlink, index: number, lease: Lease): Result<boolean, NetnsError> {
  const carried = addressesOf(netlink, index, lease.family);
  if (!carried.ok) return carried;
  return ok(carried.value.some(({ address }) => sameAddress(address.address, lease.address.address)));
}

/** Has the interface carry what the lease says in the place of what `previous` said. The new address comes first. */
export function follow(
  netlink: Netlink,
  index: number,
  lease: Lease,
  previous: Lease | undefined,
  priority: number | undefined,
): Result<void, NetnsError> {
  const moved =
    previous === undefined ||
    !sameAddress(previous.address.address, lease.address.address) ||
    previous.address.prefix !== lease.address.prefix;
  if (moved) {
    const added = addAddress(netlink, index, lease.address);
    if (!added.ok) return added;
  }
  for (const route of previous?.routes ?? [])
    removeRoute(netlink, index, linkRouteOf(route, lease, priority));
  if (moved && previous) {
    const removed = removeAddress(netlink, index, previous.address);
    if (!removed.ok) return removed;
  }
  for (const route of lease.routes) {
    const added = addRoute(netlink, index, linkRouteOf(route, lease, priority));
    if (!added.ok) return added;
  }
  return ok(undefined);
}

/** Takes the address of the lease from the interface; its routes go with it. */
export function drop(netlink: Netlink, index: number, lease: Lease): Result<void, NetnsError> {
  return removeAddress(netlink, index, lease.address);
}

function linkRouteOf({ dst, gw, scope }: Route, lease: Lease, priority: number | undefined): LinkRoute {
  const gateway = gw ?? (scope === undefined ? lease.gateway : undefined);
  return { destination: dst, ...(gateway && { gateway }), ...(priority && { metric: priority }) };
}
