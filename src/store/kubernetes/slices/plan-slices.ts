import type { Acquire, AllocationError, Claim, Want } from "../../../allocation/claim.ts";
import { lowestFree, type UsedSpace } from "../../../allocation/free.ts";
import { type Pod, samePod } from "../../../allocation/owner.ts";
import { type Plan, planAcquire, type View } from "../../../allocation/plan.ts";
import { type Pool, poolSpace, samePool, spacesOf } from "../../../allocation/pool.ts";
import { usableOf } from "../../../allocation/slices.ts";
import { type Address, sameAddress } from "../../../ip/address.ts";
import { contains } from "../../../ip/cidr.ts";
import { err, type Result } from "../../../result.ts";
import type { Claimed } from "../claimed.ts";
import { ownerOf } from "../entry.ts";
import type { PoolRecord } from "../pool-record.ts";
import type { State } from "../state.ts";
import { claimIn, type Ledger } from "./ledger.ts";
import { poolsBeside } from "./outside.ts";

/** `want`: which of the wants needs a further slice. */
export type SlicePlanError =
  | { readonly code: "refused"; readonly error: AllocationError }
  | { readonly code: "slice_wanted"; readonly want: number };

/** What planning in slices looks at. */
export type SliceKnowledge = {
  readonly ledger: Ledger;
  readonly state: State;
  readonly claimed: Claimed;
  /** The slices that this node has for a want, lowest first. */
  readonly slicesOf: (want: Want) => readonly Pool[];
};

/**
 * Plans an acquisition in the node's own slices: a pod keeps what it holds in any of them, the rest comes from the lowest slice that
 * has room. Addresses of which the API server does not yet know that they are free are the last to be given out.
 */
export function planInSlices(request: Acquire, knowledge: SliceKnowledge): Result<Plan, SlicePlanError> {
  const first = planOnce(request, knowledge, false);
  return first.ok || first.error.code !== "slice_wanted" ? first : planOnce(request, knowledge, true);
}

function planOnce(request: Acquire, knowledge: SliceKnowledge, reuse: boolean): Result<Plan, SlicePlanError> {
  const view = new SliceView(request, knowledge, reuse);
  const full = new Set<string>();
  for (;;) {
    const wants: Want[] = [];
    for (const [slot, want] of request.wants.entries()) {
      const slices = knowledge.slicesOf(want).filter((slice) => !full.has(`${slot} ${poolSpace(slice)}`));
      const concrete = wantIn(want, slot, slices, request, view);
      if (concrete === undefined) return err(missing(want, slot, slices.length > 0 || full.size > 0));
      wants.push(concrete);
    }
    const plan = planAcquire({ ...request, wants }, view);
    if (plan.ok) return plan;
    if (plan.error.code !== "pool_exhausted") return err({ code: "refused", error: plan.error });
    // Two addresses from one range, and room for one of them only: the later one looks further.
    const { pool } = plan.error;
    const slot = wants.findLastIndex((want) => samePool(want.pool, pool));
    full.add(`${slot} ${poolSpace(pool)}`);
  }
}

function missing(want: Want, slot: number, hasSlices: boolean): SlicePlanError {
  if (want.address && hasSlices) {
    const error = { code: "address_elsewhere", pool: want.pool, address: want.address } as const;
    return { code: "refused", error };
  }
  return { code: "slice_wanted", want: slot };
}

/** The want in one certain slice: where the pod has its address already, else the first that has room. */
function wantIn(
  { free, address }: Want,
  slot: number,
  slices: readonly Pool[],
  { owner, overlapCheck }: Acquire,
  view: SliceView,
): Want | undefined {
  const inSlice = (pool: Pool): Want => ({
    pool,
    free: usableOf(pool.range, free),
    ...(address && { address }),
  });
  if (address) {
    const pool = slices.find(({ range }) => contains(range, address));
    return pool && inSlice(pool);
  }
  const held = view
    .claimsOf(owner.pod, owner.ifname)
    .filter(
      (claim) => samePod(claim.owner.pod, owner.pod) && slices.some((pool) => samePool(pool, claim.pool)),
    );
  const kept = held.find((claim) => claim.slot === slot) ?? (held.length === 1 ? held[0] : undefined);
  if (kept) return inSlice(kept.pool);
  const pool = slices.find((slice) => {
    const spaces = spacesOf(slice, overlapCheck).map((space) => view.used(space));
    return lowestFree(usableOf(slice.range, free), spaces) !== undefined;
  });
  return pool && inSlice(pool);
}

/** The ledger as one acquisition may see it, with what others have reserved in the realm. */
class SliceView implements View {
  readonly #request: Acquire;
  readonly #knowledge: SliceKnowledge;
  readonly #reuse: boolean;
  readonly #slices = new Map<string, Pool>();
  readonly #beside: readonly PoolRecord[];

  constructor(request: Acquire, knowledge: SliceKnowledge, reuse: boolean) {
    this.#request = request;
    this.#knowledge = knowledge;
    this.#reuse = reuse;
    for (const want of request.wants) {
      for (const slice of knowledge.slicesOf(want)) this.#slices.set(poolSpace(slice), slice);
    }
    const { wants, overlapCheck } = request;
    this.#beside = wants.flatMap((want) => poolsBeside(want, knowledge.state, overlapCheck));
  }

  used(space: ReturnType<typeof poolSpace>): UsedSpace {
    const { claimed, state } = this.#knowledge;
    const slice = this.#slices.get(space);
    if (slice) return this.#usedIn(slice);
    const realm = state.realm(space);
    const refused = claimed.space(space);
    return {
      runAt: (value) => {
        const run = refused.runAt(value) ?? realm?.runAt(value);
        // What this node knows of is in the ledger; one address at a time, since the next one may be ours.
        return run && !this.#isOurs(value) ? { first: value, last: value } : undefined;
      },
    };
  }

  claimsOf(pod: Pod, ifname: string): readonly Claim[] {
    return this.#knowledge.ledger.heldBy(pod, ifname).flatMap((cell) => claimIn(cell) ?? []);
  }

  holder(pool: Pool, address: Address): Claim | undefined {
    const cell = this.#knowledge.ledger.at(pool, address);
    return cell && claimIn(cell);
  }

  /** What pools without slices hold over the same addresses counts even where it is not reserved. */
  #usedIn(slice: Pool): UsedSpace {
    const own = this.#knowledge.ledger.used(slice, this.#reuse);
    const beside = this.#beside;
    if (beside.length === 0) return own;
    const holder = (value: bigint) => beside.find(({ used }) => used.has(value));
    return {
      runAt: (value) => own.runAt(value) ?? (holder(value) && { first: value, last: value }),
    };
  }

  /** Whether a reservation is of an owner whom this node knows, or was left by an earlier ADD of the same pod. */
  #isOurs(value: bigint): boolean {
    const { ledger, state } = this.#knowledge;
    for (const slice of this.#slices.values()) {
      if (value < slice.range.base || !ledger.used(slice).runAt(value)) continue;
      return true;
    }
    const { pod, ifname } = this.#request.owner;
    return state.reservedFor(pod, ifname).some(({ object, means }) => {
      const isInRealm = means.some(
        ({ networkName, address }) =>
          address.value === value &&
          this.#request.wants.some(
            ({ pool }) => pool.networkName === networkName && sameAddress(address, address),
          ),
      );
      return isInRealm && samePod(ownerOf(object.spec).pod, pod) && !state.isBacked(object);
    });
  }
}
