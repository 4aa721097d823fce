import type { Lease } from "../../dhcp/lease.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Log } from "../../log.ts";
import { atInterface } from "../../netns/interface.ts";
import { setLink } from "../../netns/netlink/links.ts";
import { drop, follow } from "./apply.ts";
import type { HolderContext } from "./context.ts";
import { aboutLease, aboutOf, type LeaseRecord, refOf } from "./record.ts";

/** Reasons of the Events on the pod. */
const CHANGED = "DHCPLeaseChanged";
const LOST = {
  nak: { why: "the DHCP server refused it", event: "DHCPLeaseRefused" },
  expired: { why: "no DHCP server extended it in time", event: "DHCPLeaseExpired" },
  conflict: { why: "another host uses it", event: "DHCPAddressConflict" },
} as const;

/**
 * The server gives something else than before: has the pod's interface follow, if that is wanted, and tells its owners. Returns
 * why the interface does not have it, for people; undefined if it does.
 */
export function followChange(
  record: LeaseRecord,
  lease: Lease,
  previous: Lease | undefined,
  { log, notify }: HolderContext,
): string | undefined {
  const address = formatAddress(lease.address.address);
  if (record.onChange === "fail") {
    const trouble = `the server gives ${address} now, with its routes, and not what the pod was given`;
    notify(record, CHANGED, `The interface ${record.ifname} is left alone: ${trouble}`);
    return trouble;
  }
  const applied = atInterface(refOf(record), (netlink, link) =>
    follow(netlink, link.index, lease, previous, record.priority),
  );
  if (!applied.ok) {
    const why = applied.error.message;
    log("error", "a changed lease could not be applied", { ...aboutOf(record), address, why });
    return `${address} could not be set on the interface: ${why}`;
  }
  const before = previous && formatAddress(previous.address.address);
  const instead = before && before !== address ? ` in the place of ${before}` : "";
  notify(
    record,
    CHANGED,
    `The interface ${record.ifname} has ${address}${instead} now, as the DHCP server says`,
  );
  return undefined;
}

/**
 * The lease is lost: takes its address from the pod's interface and tells its owners. An interface whose last lease has expired
 * goes down. Returns what is wrong now, for people.
 */
export function endLost(
  record: LeaseRecord,
  lease: Lease,
  reason: keyof typeof LOST,
  isLast: boolean,
  { log, metrics, notify }: HolderContext,
): string {
  const { address, server } = aboutLease(lease);
  const { why, event } = LOST[reason];
  metrics.lost(reason);
  log("error", `lease lost: ${why}`, { ...aboutOf(record), address, server });
  const untouched = record.onChange === "fail" && reason !== "expired";
  if (!untouched) {
    const dropped = atInterface(refOf(record), (netlink, link) => drop(netlink, link.index, lease));
    if (!dropped.ok)
      log("error", "a lost address stays", { ...aboutOf(record), address, why: dropped.error.message });
  }
  const isDown = reason === "expired" && isLast && takeDown(record, log);
  const down = isDown ? ", and the interface was taken down" : "";
  notify(record, event, `The DHCP lease of ${address} on ${record.ifname} is lost: ${why}${down}`);
  return `the lease of ${address} is lost: ${why}`;
}

/** Takes down an interface that no lease keeps up; whether it was done. */
export function takeDown(record: LeaseRecord, log: Log): boolean {
  const down = atInterface(refOf(record), (netlink, link) => setLink(netlink, link.index, false));
  if (down.ok) log("error", "lease expired, bringing interface DOWN", aboutOf(record));
  else log("error", "an interface without a lease stays up", { ...aboutOf(record), why: down.error.message });
  return down.ok;
}
