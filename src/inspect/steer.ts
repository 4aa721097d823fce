import type { Change, Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { describePool, type Pool, samePool } from "../allocation/pool.ts";
import { hasExpired, type Reservation, reservationOf, reserve } from "../allocation/reservation.ts";
import { type Address, formatAddress } from "../ip/address.ts";
import { contains, formatCidr, lastOf, parseCidr } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import type { Store, StoreError } from "../store/store.ts";

/** Which of several pools is meant; where only one fits, nothing has to be said. */
export type PoolChoice = {
  readonly range?: string | undefined;
  readonly networkName?: string | undefined;
};

/** What would be done: said first, carried out only if the person agrees. */
export type Step = {
  readonly change: Change;
  /** For whom, or from whom. */
  readonly who: string;
  /** The addresses with their pools, a line each. */
  readonly addresses: readonly string[];
  /** The claim of a pod that may still run: it would go on using the address. */
  readonly fromPod: boolean;
};

/** What it takes to keep an address from pods, or why it cannot be. */
export async function planReservation(
  store: Store,
  address: Address,
  reservation: Reservation,
  choice: PoolChoice,
  now: number,
): Promise<Result<Step, string>> {
  const pool = await poolOf(store, address, choice);
  if (!pool.ok) return pool;
  const { range } = pool.value;
  const text = formatAddress(address);
  if (address.value === range.base || address.value === lastOf(range))
    return err(`${text} is the network or broadcast address of ${formatCidr(range)}, which no pod ever gets`);
  const change = reserve(pool.value, address, reservation, true, now);
  const refusal = await store.preview(change);
  const held = await store.claims({ address });
  if (!refusal.ok) return err(failure(refusal.error));
  if (!held.ok) return err(failure(held.error));
  const other = held.value.find(
    (claim) => samePool(claim.pool, pool.value) && reservationOf(claim)?.by !== reservation.by,
  );
  if (other && reservationOf(other))
    return err(`${text} is held by ${holderOf(other)}; berth release ${text} first`);
  const holder = refusal.value?.code === "address_taken" ? refusal.value.holder : undefined;
  if (refusal.value) return err(`${text} is held by ${holder ? holderOf(holder) : "somebody"}`);
  const who = describeReservation(reservation);
  return ok({ change, who, addresses: [`${text}  ${describePool(pool.value)}`], fromPod: false });
}

/** What it takes to give back what holds an address, or why there is nothing to give back. */
export async function planRelease(
  store: Store,
  address: Address,
  choice: PoolChoice,
): Promise<Result<Step, string>> {
  const text = formatAddress(address);
  const found = await store.claims({ address });
  if (!found.ok) return err(failure(found.error));
  const held = found.value.filter(({ pool }) => isMeant(pool, choice));
  const [claim, ...others] = held;
  if (claim === undefined) return err(`nobody holds ${text}${choice.range ? ` in ${choice.range}` : ""}`);
  if (others.length > 0) {
    const pools = held.map(({ pool }) => describePool(pool)).join(", ");
    return err(`${text} is held in several pools: ${pools}; name one with --pool and --network-name`);
  }
  const { sandbox, ifname } = claim.owner;
  const all = await store.claims({ attachment: { sandbox, ifname } });
  if (!all.ok) return err(failure(all.error));
  return ok({
    change: { kind: "release", sandbox, ifname },
    who: holderOf(claim),
    addresses: all.value.map((one) => `${formatAddress(one.address)}  ${describePool(one.pool)}`),
    fromPod: reservationOf(claim) === undefined,
  });
}

/** Does it, unless the holder has changed since the person looked. */
export async function carryOut(store: Store, { change }: Step): Promise<Result<void, string>> {
  const outcomes = await store.commit([change]);
  if (!outcomes.ok) return err(failure(outcomes.error));
  const [outcome] = outcomes.value;
  if (outcome?.kind === "acquired") return ok(undefined);
  if (outcome?.kind === "released" && outcome.claims.length > 0) return ok(undefined);
  return err("its holder changed meanwhile, and nothing was touched; look again");
}

/** Gives back the reservations that have ended; how many, or why the store cannot answer. */
export async function releaseExpired(store: Store, now: number): Promise<Result<number, StoreError>> {
  const held = await store.claims({ pod: { namespace: "", name: "" } });
  if (!held.ok) return held;
  const ended = held.value.filter((claim) => hasExpired(claim, now));
  if (ended.length === 0) return ok(0);
  // By its exact owner: one that was renewed meanwhile has another one, and stays.
  const changes = ended.map(
    ({ owner }) => ({ kind: "release", sandbox: owner.sandbox, ifname: owner.ifname }) as const,
  );
  const outcomes = await store.commit(changes);
  return outcomes.ok ? ok(ended.length) : outcomes;
}

/** The one pool that the address lies in and the person means. */
async function poolOf(store: Store, address: Address, choice: PoolChoice): Promise<Result<Pool, string>> {
  const usage = await store.pools();
  if (!usage.ok) return err(failure(usage.error));
  const fitting = usage.value
    .map(({ pool }) => pool)
    .filter((pool) => contains(pool.range, address) && isMeant(pool, choice));
  const [pool, ...others] = fitting;
  const text = formatAddress(address);
  const named = parseCidr(choice.range ?? "");
  if (pool === undefined && named.ok && contains(named.value, address))
    return ok({ networkName: choice.networkName ?? "", range: named.value }); // before its first pod
  if (pool === undefined) {
    return err(
      `${text} lies in no pool that is in use; berth pools lists them, --pool names one before its first use`,
    );
  }
  if (others.length === 0) return ok(pool);
  const names = fitting.map(describePool).join(", ");
  return err(`${text} lies in several pools: ${names}; name one with --pool and --network-name`);
}

function isMeant(pool: Pool, { range, networkName }: PoolChoice): boolean {
  return (
    (range === undefined || formatCidr(pool.range) === range) &&
    (networkName === undefined || pool.networkName === networkName)
  );
}

/** Who holds it, as a person would say it. */
export function holderOf(claim: Claim): string {
  const reservation = reservationOf(claim);
  if (reservation) return `a reservation of ${describeReservation(reservation)}`;
  const { pod, ifname, sandbox } = claim.owner;
  return `${podRef(pod)} ${ifname} on node ${claim.node} (sandbox ${sandbox.slice(0, 13)})`;
}

function describeReservation({ by, reason, until }: Reservation): string {
  return `${by}: ${reason}${until === undefined ? "" : `, until ${new Date(until).toISOString()}`}`;
}

function failure({ store, message, hint }: { store: string; message: string; hint: string }): string {
  return `${store}: ${message} (${hint})`;
}
