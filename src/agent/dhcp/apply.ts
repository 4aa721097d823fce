import type { Route } from "../../cni/result.ts";
import type { Lease } from "../../dhcp/lease.ts";
import { sameAddress } from "../../ip/address.ts";
import type { NetnsError } from "../../netns/error.ts";
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

/** Whether the interface carries the address of the lease. */
export function carries(netlink: Netlink, index: number, lease: Lease): Result<boolean, NetnsError> {
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
