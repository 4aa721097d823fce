import { type Address, formatAddress } from "../ip/address.ts";
import type { Acquire, Claim } from "./claim.ts";
import type { Owner } from "./owner.ts";
import type { Pool } from "./pool.ts";

/**
 * An address that a person keeps from pods. It is a claim like any other, so every store can hold it, and nothing that hands
 * out addresses has to know of it. Its pod has no name: whereabouts writes that as an empty podref, which its reconciler
 * logs and never frees.
 */
export type Reservation = {
  /** Who asked for it. */
  readonly by: string;
  readonly reason: string;
  /** Milliseconds since 1970; absent: until someone releases it. */
  readonly until?: number;
};

/** `by` of an address that answered somebody else's probe: nobody may have it for a while. */
export const QUARANTINE = "quarantine";

const PREFIX = "reserved?";

/** The owner that stands for a reservation: one for each address, and everything that is known about it in `sandbox`. */
export function reservationOwner(address: Address, { networkName }: Pool, reservation: Reservation): Owner {
  const fields = new URLSearchParams({ by: reservation.by, reason: reservation.reason });
  if (reservation.until !== undefined) fields.set("until", new Date(reservation.until).toISOString());
  if (networkName !== "") fields.set("network", networkName);
  fields.set("address", formatAddress(address));
  return {
    pod: { namespace: "", name: "" },
    ifname: formatAddress(address),
    sandbox: `${PREFIX}${fields}`,
  };
}

/** Reserves one address, or renews its reservation. `free` of the want is not asked: an excluded address can be reserved. */
export function reserve(
  pool: Pool,
  address: Address,
  reservation: Reservation,
  overlapCheck: boolean,
  now: number,
): Acquire {
  const owner = reservationOwner(address, pool, reservation);
  const wants = [{ pool, free: [], address }];
  return { kind: "acquire", owner, node: "", network: "", overlapCheck, wants, now };
}

/** What is known of the reservation; undefined for the claim of a pod. */
export function reservationOf({ owner }: Claim): Reservation | undefined {
  if (owner.pod.name !== "" || !owner.sandbox.startsWith(PREFIX)) return undefined;
  const fields = new URLSearchParams(owner.sandbox.slice(PREFIX.length));
  const until = Date.parse(fields.get("until") ?? "");
  return {
    by: fields.get("by") ?? "",
    reason: fields.get("reason") ?? "",
    ...(!Number.isNaN(until) && { until }),
  };
}

/** Whether the claim is a reservation that has ended. */
export function hasExpired(claim: Claim, now: number): boolean {
  const until = reservationOf(claim)?.until;
  return until !== undefined && until <= now;
}
