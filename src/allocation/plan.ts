import { type Address, addressOf, type Family, sameAddress } from "../ip/address.ts";
import { IntervalSet } from "../ip/interval-set.ts";
import { err, ok, type Result } from "../result.ts";
import type { Acquire, AllocationError, Claim, Want } from "./claim.ts";
import { lowestFree, type UsedSpace } from "./free.ts";
import { type Pod, samePod } from "./owner.ts";
import { type Pool, type Space, samePool, spacesOf } from "./pool.ts";

/** What a store knows at the moment of planning. It must not change until the plan is carried out. */
export interface View {
  used(space: Space, family: Family): UsedSpace;
  /** The claims of pods with this namespace and name, whatever their uid, at this interface. */
  claimsOf(pod: Pod, ifname: string): readonly Claim[];
  holder(pool: Pool, address: Address, overlapCheck: boolean): Claim | undefined;
}

/** What a store must write, in one step, for an acquisition. */
export type Plan = {
  /** The claims that answer the request, in the order of its wants. */
  readonly claims: readonly Claim[];
  readonly created: readonly Claim[];
  /** Claims that the pod held already and that now belong to its new sandbox, uid or node. */
  readonly renewed: readonly Claim[];
};

/**
 * Plans an acquisition: what the pod's interface holds already is kept (ADD is idempotent by pod and interface),
 * the rest is the lowest free addresses. Claims that the configuration no longer wants are left to DEL.
 */
export function planAcquire(request: Acquire, view: View): Result<Plan, AllocationError> {
  const held = view
    .claimsOf(request.owner.pod, request.owner.ifname)
    .filter((claim) => samePod(claim.owner.pod, request.owner.pod));
  const kept = matchHeld(request.wants, held);
  const pending = new Map<Space, IntervalSet>();
  const claims: Claim[] = [];
  const created: Claim[] = [];
  const renewed: Claim[] = [];
  for (const [slot, want] of request.wants.entries()) {
    const old = kept[slot];
    if (old !== undefined) {
      const claim = renew(old, request);
      claims.push(claim);
      if (claim !== old) renewed.push(claim);
      continue;
    }
    const address = choose(want, request.overlapCheck, view, pending);
    if (!address.ok) return address;
    const { owner, node, network, overlapCheck, now } = request;
    const claim = {
      pool: want.pool,
      address: address.value,
      overlapCheck,
      owner,
      node,
      network,
      slot,
      since: now,
    };
    claims.push(claim);
    created.push(claim);
  }
  return ok({ claims, created, renewed });
}

/** For each want the held claim that answers it: exact ones first (address or slot), then any of the pool. */
function matchHeld(wants: readonly Want[], held: readonly Claim[]): (Claim | undefined)[] {
  const left = new Set(held);
  const take = (fits: (claim: Claim) => boolean) => {
    const found = [...left].find(fits);
    if (found) left.delete(found);
    return found;
  };
  const exact = wants.map(({ pool, address }, slot) =>
    take(
      (claim) =>
        samePool(claim.pool, pool) && (address ? sameAddress(claim.address, address) : claim.slot === slot),
    ),
  );
  return wants.map(({ pool, address }, slot) => {
    return exact[slot] ?? (address ? undefined : take((claim) => samePool(claim.pool, pool)));
  });
}

function renew(claim: Claim, { owner, node, network }: Acquire): Claim {
  const { sandbox, pod } = claim.owner;
  const uid = owner.pod.uid ?? pod.uid;
  const same =
    sandbox === owner.sandbox && uid === pod.uid && node === claim.node && network === claim.network;
  if (same) return claim;
  return {
    ...claim,
    node,
    network,
    owner: { ...owner, pod: { ...owner.pod, ...(uid !== undefined && { uid }) } },
  };
}

/** `pending` holds what this plan has already given out, by space. */
function choose(
  want: Want,
  overlapCheck: boolean,
  view: View,
  pending: Map<Space, IntervalSet>,
): Result<Address, AllocationError> {
  const { pool } = want;
  const spaces = spacesOf(pool, overlapCheck);
  const used: UsedSpace[] = spaces.map((space) => view.used(space, pool.range.family));
  for (const space of spaces) {
    const mine = pending.get(space);
    if (mine) used.push(mine);
  }
  const wanted = want.address?.value;
  const value = wanted ?? lowestFree(want.free, used);
  if (value === undefined) return err({ code: "pool_exhausted", pool, free: want.free });
  const address = addressOf(pool.range.family, value);
  if (wanted !== undefined && used.some((space) => space.runAt(wanted))) {
    const holder = view.holder(pool, address, overlapCheck);
    return err({ code: "address_taken", pool, address, ...(holder && { holder }) });
  }
  for (const space of spaces) {
    const mine = pending.get(space) ?? new IntervalSet();
    mine.add(value);
    pending.set(space, mine);
  }
  return ok(address);
}
