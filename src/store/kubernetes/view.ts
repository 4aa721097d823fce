import type { Acquire, Claim } from "../../allocation/claim.ts";
import type { UsedSpace } from "../../allocation/free.ts";
import { type Pod, samePod } from "../../allocation/owner.ts";
import type { View } from "../../allocation/plan.ts";
import { type Pool, poolSpace, realmSpace, type Space } from "../../allocation/pool.ts";
import { type Address, type Family, sameAddress } from "../../ip/address.ts";
import type { Interval } from "../../ip/interval.ts";
import type { Claimed } from "./claimed.ts";
import { ownerOf } from "./entry.ts";
import type { SliceGuard } from "./slices/guard.ts";
import type { Held, Reservation, State } from "./state.ts";

/** What is known of the objects, of writes that are under way, and of the slices of nodes. */
export type Knowledge = { readonly state: State; readonly claimed: Claimed; readonly slices: SliceGuard };

/** The state as one acquisition may see it. */
export class PlanView implements View {
  readonly #state: State;
  readonly #claimed: Claimed;
  readonly #request: Acquire;
  readonly #own: readonly Reservation[];
  readonly #inherited: ReadonlySet<string>;
  readonly #slices: SliceGuard;

  /** `inherited`: uids of pods of this name whose addresses the pod may take over. */
  constructor(
    { state, claimed, slices }: Knowledge,
    request: Acquire,
    inherited: ReadonlySet<string> = new Set(),
  ) {
    this.#state = state;
    this.#claimed = claimed;
    this.#slices = slices;
    this.#request = request;
    this.#inherited = inherited;
    this.#own = ownReservations(state, request, inherited);
  }

  /** The pod's own reservation of an address that nothing stands behind yet: left by an ADD that did not end. */
  ownReservation(networkName: string, address: Address): Reservation | undefined {
    return this.#own.find(({ means }) =>
      means.some((meaning) => meaning.networkName === networkName && sameAddress(meaning.address, address)),
    );
  }

  used(space: Space, family: Family): UsedSpace {
    const known = this.#spaceOf(space, family);
    const claimed = this.#claimed.space(space);
    const slices = this.#slicesIn(space, family);
    return { runAt: (value) => claimed.runAt(value) ?? known?.runAt(value) ?? slices?.runAt(value) };
  }

  claimsOf(pod: Pod, ifname: string): readonly Claim[] {
    const claims = this.#state.heldBy(pod, ifname).map((held) => this.#state.claim(held));
    const inherited = claims.filter((claim) => this.#isInherited(claim));
    // What the pod has been told itself comes first: a repeated ADD gives the same addresses.
    return [
      ...claims.filter((claim) => !inherited.includes(claim)),
      ...inherited.map((claim) => this.#renamed(claim)),
    ];
  }

  holder(pool: Pool, address: Address, overlapCheck: boolean): Claim | undefined {
    const holders = this.#state.entriesOf(address).map((held) => this.#state.claim(held));
    const inPool = holders.find((claim) => poolSpace(claim.pool) === poolSpace(pool));
    if (inPool || !overlapCheck) return inPool;
    return holders.find((claim) => claim.overlapCheck && claim.pool.networkName === pool.networkName);
  }

  #isInherited({ owner: { pod } }: Claim): boolean {
    return pod.uid !== undefined && this.#request.owner.pod.uid !== undefined && this.#inherited.has(pod.uid);
  }

  /** A predecessor's claim under the uid of the pod that asks. */
  #renamed(claim: Claim): Claim {
    const { pod } = claim.owner;
    const { uid } = this.#request.owner.pod;
    return { ...claim, owner: { ...claim.owner, pod: { ...pod, ...(uid !== undefined && { uid }) } } };
  }

  #slicesIn(space: Space, family: Family): UsedSpace | undefined {
    for (const { pool } of this.#request.wants) {
      const { networkName, range } = pool;
      if (poolSpace(pool) === space) return this.#slices.used(networkName, family, range);
      if (realmSpace(networkName, family) === space) return this.#slices.used(networkName, family);
    }
    return undefined;
  }

  #spaceOf(space: Space, family: Family): UsedSpace | undefined {
    for (const { pool } of this.#request.wants) {
      if (poolSpace(pool) === space) return this.#state.pool(this.#state.bind(pool))?.used;
    }
    const realm = this.#state.realm(space);
    return realm && { runAt: (value) => this.#without(realm.runAt(value), value, space, family) };
  }

  /** A run of reserved addresses without those that are reserved for this pod. */
  #without(run: Interval | undefined, value: bigint, space: Space, family: Family): Interval | undefined {
    if (run === undefined || this.#own.length === 0) return run;
    let { last } = run;
    for (const { means } of this.#own) {
      for (const { networkName, address } of means) {
        if (realmSpace(networkName, family) !== space || address.family !== family) continue;
        if (address.value === value) return undefined;
        if (address.value > value && address.value <= last) last = address.value - 1n;
      }
    }
    return { first: value, last };
  }
}

/** Entries of this name and interface whose pod is another one, as its uid says. */
export function strangers(state: State, { owner }: Acquire): Held[] {
  return state
    .heldBy(owner.pod, owner.ifname)
    .filter(({ entry }) => !samePod(ownerOf(entry.allocation).pod, owner.pod));
}

function ownReservations(state: State, { owner }: Acquire, inherited: ReadonlySet<string>): Reservation[] {
  return state.reservedFor(owner.pod, owner.ifname).filter((reservation) => {
    const { pod } = ownerOf(reservation.object.spec);
    const isOurs = samePod(pod, owner.pod) || (pod.uid !== undefined && inherited.has(pod.uid));
    return isOurs && !state.isBacked(reservation.object);
  });
}
