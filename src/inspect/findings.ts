import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { describePool, poolCapacity, poolSpace, realmSpace } from "../allocation/pool.ts";
import { hasExpired, reservationOf } from "../allocation/reservation.ts";
import { formatAddress, sameAddress } from "../ip/address.ts";
import { contains, formatCidr, lastOf } from "../ip/cidr.ts";
import { countOf } from "../ip/interval.ts";
import type { PoolUsage } from "../store/store.ts";
import { type Network, type PoolRules, rulesOf } from "./networks.ts";

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
    | "pool_nearly_full";
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
  const found = [
    ...duplicates(evidence.claims),
    ...misplaced(evidence),
    ...strandedSandboxes(evidence.claims),
    ...expired(evidence),
    ...fullPools(evidence),
  ];
  return [
    ...found.filter(({ severity }) => severity === "error"),
    ...found.filter(({ severity }) => severity === "warning"),
  ];
}

/** Within a pool and, with the overlap check on, within a realm an address has one owner. */
function* duplicates(claims: readonly Claim[]): Generator<Finding> {
  const seen = new Map<string, Claim>();
  for (const claim of claims) {
    const { pool, address, overlapCheck } = claim;
    const space = overlapCheck ? realmSpace(pool.networkName, address.family) : poolSpace(pool);
    const key = `${address.value.toString(36)}@${space}`;
    const other = seen.get(key);
    if (other === undefined) {
      seen.set(key, claim);
      continue;
    }
    yield {
      severity: "error",
      code: "address_twice",
      subject: formatAddress(address),
      message: `${formatAddress(address)} is held by ${holderOf(other)} and by ${holderOf(claim)}`,
      hint: "restart one of the two pods; berth release frees what a pod that is gone still holds",
    };
  }
}

function* misplaced({ claims, networks }: Evidence): Generator<Finding> {
  const known = new Map<string, PoolRules | undefined>();
  for (const claim of claims) {
    const { pool, address } = claim;
    const text = formatAddress(address);
    const base = { severity: "error", subject: text } as const;
    const holder = holderOf(claim);
    if (!contains(pool.range, address)) {
      const message = `${text} of ${holder} lies outside its pool ${formatCidr(pool.range)}`;
      yield { ...base, code: "address_outside_pool", message, hint: "restart the pod" };
      continue;
    }
    if (reservationOf(claim)) continue; // a person may keep any address
    if (address.value === pool.range.base || address.value === lastOf(pool.range)) {
      const message = `${text} is the network or broadcast address of ${formatCidr(pool.range)}, held by ${holder}`;
      yield { ...base, code: "network_or_broadcast_held", message, hint: "restart the pod" };
      continue;
    }
    const space = poolSpace(pool);
    if (!known.has(space)) known.set(space, rulesOf(pool, networks));
    const rules = known.get(space);
    if (rules?.gateways.some((gateway) => sameAddress(gateway, address))) {
      const message = `${text} is the gateway of ${describePool(pool)}, held by ${holder}`;
      const hint = "restart the pod: it gets another address, the gateway is no longer handed out";
      yield { ...base, code: "gateway_held", message, hint };
    } else if (rules?.excluded.some(({ first, last }) => first <= address.value && address.value <= last)) {
      const message = `${text} is excluded from ${describePool(pool)}, and held by ${holder} since before`;
      yield { ...base, severity: "warning", code: "excluded_held", message, hint: "restart the pod" };
    }
  }
}

/** One interface of one pod has one sandbox at a time; what an earlier one holds was not given back. */
function* strandedSandboxes(claims: readonly Claim[]): Generator<Finding> {
  const latest = new Map<string, Claim>();
  for (const claim of claims) {
    if (reservationOf(claim)) continue;
    const key = `${podRef(claim.owner.pod)} ${claim.owner.ifname} ${poolSpace(claim.pool)} ${claim.slot}`;
    const other = latest.get(key);
    latest.set(key, claim);
    if (other === undefined || other.owner.sandbox === claim.owner.sandbox) continue;
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
