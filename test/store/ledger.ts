import { formatAddress } from "../../src/ip/address.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { readReservationName } from "../../src/kube/names.ts";
import {
  IP_POOLS,
  type IPPool,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
import { addressAt } from "../../src/store/kubernetes/entry.ts";
import type { Double } from "../apiserver/double.ts";

/** `address pool podref id ifname` of each entry, sorted. */
export function entriesOf(double: Double): string[] {
  return pools(double)
    .flatMap(({ metadata, spec }) => {
      const range = parseCidr(spec.range);
      if (!range.ok) throw new Error(`${metadata.name} has the range ${spec.range}`);
      const pool = { networkName: "", range: range.value };
      return Object.entries(spec.allocations).map(([offset, { podref, id, ifname }]) => {
        const address = addressAt(pool, offset);
        return `${address ? formatAddress(address) : offset} ${metadata.name} ${podref} ${id} ${ifname}`;
      });
    })
    .sort();
}

/** `address podref ifname` of each reservation, sorted. */
export function reservationsOf(double: Double): string[] {
  return reservations(double)
    .map(({ metadata, spec }) => {
      const [meaning] = readReservationName(metadata.name);
      return `${meaning ? formatAddress(meaning.address) : metadata.name} ${spec.podref} ${spec.ifname}`;
    })
    .sort();
}

/** Reservations that no entry of their owner stands behind: the reconciler's to collect. */
export function looseReservations(double: Double): string[] {
  const backed = new Set(
    entriesOf(double).map((entry) => {
      const [address, , podref, , ifname] = entry.split(" ");
      return `${address} ${podref} ${ifname}`;
    }),
  );
  return reservationsOf(double).filter((reservation) => !backed.has(reservation));
}

/** Entries without a reservation of their owner. */
export function unreserved(double: Double): string[] {
  const reserved = new Set(reservationsOf(double));
  return entriesOf(double).filter((entry) => {
    const [address, , podref, , ifname] = entry.split(" ");
    return !reserved.has(`${address} ${podref} ${ifname}`);
  });
}

/** Addresses that two owners have at once, in whatever pools of the realm. */
export function shared(double: Double): string[] {
  const owners = new Map<string, Set<string>>();
  for (const entry of entriesOf(double)) {
    const [address = "", , podref, , ifname] = entry.split(" ");
    owners.set(address, (owners.get(address) ?? new Set()).add(`${podref} ${ifname}`));
  }
  return [...owners].filter(([, set]) => set.size > 1).map(([address]) => address);
}

function pools(double: Double): readonly IPPool[] {
  return double.objects(IP_POOLS) as unknown as IPPool[];
}

function reservations(double: Double): readonly OverlappingRangeIPReservation[] {
  return double.objects(RESERVATIONS) as unknown as OverlappingRangeIPReservation[];
}
