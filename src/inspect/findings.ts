import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { describePool, poolCapacity, poolSpace, samePool } from "../allocation/pool.ts";
import { hasExpired, reservationOf } from "../allocation/reservation.ts";
import { formatAddress, sameAddress } from "../ip/address.ts";
import { formatCidr, lastOf } from "../ip/cidr.ts";
import { countOf } from "../ip/interval.ts";
import type { PoolUsage } from "../store/store.ts";
import { type Network, rulesOf } from "./networks.ts";

/** Something that a person should know, with what to do. Errors are wrong already, warnings will or may be. */
export type Finding = {
  readonly severity: "error" | "warning";
  readonly code:
    | "address_twice"
    | "address_outside_pool"
    | "network_or_broadcast_held"
    | "gateway_held"
    | "excluded_held"
    | "several_sandboxes"
    | "reservation_expired"
    | "pool_full"
    | "pool_nearly_full"
    | "stranded"
    | "reservation_without_allocation"
    | "allocation_without_reservation"
    | "owner_unknown"
    | "node_down"
    | "unreadable"
    | "slice_wrong";
  /** What it is about: an address, a pool, a pod. */
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
};

/** What there is to look at; more sources add findings of their own to the same list. */
export type Evidence = {
  readonly claims: readonly Claim[];
  readonly pools: readonly PoolUsage[];
  /** Empty where no configuration is at hand: what depends on one is not checked then. */
  readonly networks: readonly Network[];
  readonly now: number;
};

/** Percent of a pool at which people want to hear of it; the alert rules use the same. */
export const NEARLY_FULL = 90n;

/** Everything that is inconsistent or about to be, errors first, each group in the order of pool and address. */
export function findingsOf(evidence: Evidence): Finding[] {
  const groups = [...Map.groupBy(evidence.claims, ({ pool }) => poolSpace(pool)).values()];
  const found = [
    ...duplicates(groups),
    ...groups.flatMap((claims) => [...misplaced(claims, evidence.networks)]),
    ...groups.flatMap((claims) => [...strandedSandboxes(claims)]),
    ...expired(evidence),
    ...fullPools(evidence),
  ];
  return [
    ...found.filter(({ severity }) => severity === "error"),
    ...found.filter(({ severity }) => severity === "warning"),
  ];
}

/** The claims of one pool. */
type Group = readonly Claim[];

/** Within a pool and, with the overlap check on, within a realm an address has one owner. */
function* duplicates(groups: readonly Group[]): Generator<Finding> {
  for (const [index, group] of groups.entries()) {
    const seen = new Map<bigint, Claim>();
    // Other pools matter only where their ranges meet: nearly never, so that most claims are looked at once.
    for (const other of groups.slice(0, index)) {
      if (!mayMeet(group, other)) continue;
      for (const claim of other) if (claim.overlapCheck) seen.set(claim.address.value, claim);
    }
    for (const claim of group) {
      const other = seen.get(claim.address.value);
      if (other === undefined || (!claim.overlapCheck && !samePool(claim.pool, other.pool))) {
        seen.set(claim.address.value, claim);
        continue;
      }
      const address = formatAddress(claim.address);
      yield {
        severity: "error",
        code: "address_twice",
        subject: address,
        message: `${address} is held by ${holderOf(other)} and by ${holderOf(claim)}`,
        hint: "restart one of the two pods; berth release frees what a pod that is gone still holds",
      };
    }
  }
}

function mayMeet([a]: Group, [b]: Group): boolean {
  if (!a || !b || a.pool.networkName !== b.pool.networkName) return false;
  const [one, two] = [a.pool.range, b.pool.range];
  return one.family === two.family && one.base <= lastOf(two) && two.base <= lastOf(one);
}

function* misplaced(claims: Group, networks: readonly Network[]): Generator<Finding> {
  const pool = claims[0]?.pool;
  if (!pool) return;
  const { range } = pool;
  const [first, last] = [range.base, lastOf(range)];
  const rules = rulesOf(pool, networks);
  for (const claim of claims) {
    const { family, value } = claim.address;
    const base = () => ({ severity: "error", subject: formatAddress(claim.address) }) as const;
    const what = () => `${formatAddress(claim.address)} of ${holderOf(claim)}`;
    if (family !== range.family || value < first || value > last) {
      const message = `${what()} lies outside its pool ${formatCidr(range)}`;
      yield { ...base(), code: "address_outside_pool", message, hint: "restart the pod" };
    } else if (reservationOf(claim)) {
      // a person may keep any address
    } else if (value === first || value === last) {
      const message = `${what()} is the network or broadcast address of ${formatCidr(range)}`;
      yield { ...base(), code: "network_or_broadcast_held", message, hint: "restart the pod" };
    } else if (rules?.gateways.some((gateway) => sameAddress(gateway, claim.address))) {
      const message = `${what()} is the gateway of ${describePool(pool)}`;
      const hint = "restart the pod: it gets another address, the gateway is no longer handed out";
      yield { ...base(), code: "gateway_held", message, hint };
    } else if (rules?.excluded.some((hole) => hole.first <= value && value <= hole.last)) {
      const message = `${what()} is excluded from ${describePool(pool)}, and held since before`;
      yield { ...base(), severity: "warning", code: "excluded_held", message, hint: "restart the pod" };
    }
  }
}

/** One interface of one pod has one sandbox at a time; what an earlier one holds was not given back. */
function* strandedSandboxes(claims: Group): Generator<Finding> {
  const latest = new Map<string, Claim>();
  for (const claim of claims) {
    const { pod, ifname, sandbox } = claim.owner;
    if (pod.name === "") continue;
    const key = `${pod.namespace}/${pod.name}/${ifname}/${claim.slot}`;
    const other = latest.get(key);
    latest.set(key, claim);
    if (other === undefined || other.owner.sandbox === sandbox) continue;
    const [older, newer] = other.since <= claim.since ? [other, claim] : [claim, other];
    const address = formatAddress(older.address);
    yield {
      severity: "warning",
      code: "several_sandboxes",
      subject: address,
      message: `${address} is held by an earlier sandbox of ${holderOf(older)}, which now has ${formatAddress(newer.address)}`,
      hint: `berth release ${address}`,
    };
  }
}

function* expired({ claims, now }: Evidence): Generator<Finding> {
  for (const claim of claims) {
    const reservation = reservationOf(claim);
    if (!reservation || !hasExpired(claim, now)) continue;
    const address = formatAddress(claim.address);
    const ended = new Date(reservation.until ?? now).toISOString();
    yield {
      severity: "warning",
      code: "reservation_expired",
      subject: address,
      message: `the reservation of ${address} by ${reservation.by} (${reservation.reason}) ended ${ended}`,
      hint: `berth release ${address}`,
    };
  }
}

function* fullPools({ pools, networks }: Evidence): Generator<Finding> {
  for (const { pool, used } of pools) {
    const rules = rulesOf(pool, networks);
    // Addresses that may not be handed out make no room.
    const total = rules ? countOf(rules.free) : poolCapacity(pool);
    const share = total > 0n ? (used * 100n) / total : 100n;
    if (share < NEARLY_FULL) continue;
    const full = used >= total;
    yield {
      severity: full ? "error" : "warning",
      code: full ? "pool_full" : "pool_nearly_full",
      subject: describePool(pool),
      message: full
        ? `all ${total} addresses of ${describePool(pool)} are held: new pods do not start`
        : `${used} of ${total} addresses of ${describePool(pool)} are held`,
      hint: "enlarge the range, exclude less, or release what is stranded; berth check and berth show help to find it",
    };
  }
}

function holderOf({ owner, pool }: Claim): string {
  const who = podRef(owner.pod) || "a reservation";
  return pool.networkName === ""
    ? `${who} (${owner.ifname})`
    : `${who} (${owner.ifname}, ${pool.networkName})`;
}
