import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import type { View } from "../allocation/plan.ts";
import { poolSpace, type Space, spacesOf } from "../allocation/pool.ts";
import { sameAddress } from "../ip/address.ts";
import { IntervalSet } from "../ip/interval-set.ts";

/** Claims that were read, as planning sees them: what would be allocated is found without asking the store for it. */
export function viewOf(claims: readonly Claim[]): View {
  const spaces = new Map<Space, IntervalSet>();
  for (const claim of claims) {
    for (const space of spacesOf(claim.pool, claim.overlapCheck)) {
      const set = spaces.get(space) ?? new IntervalSet();
      set.add(claim.address.value);
      spaces.set(space, set);
    }
  }
  return {
    used: (space) => spaces.get(space) ?? new IntervalSet(),
    claimsOf: (pod, ifname) =>
      claims.filter(({ owner }) => owner.ifname === ifname && podRef(owner.pod) === podRef(pod)),
    holder: (pool, address, overlapCheck) =>
      claims.find((claim) => {
        if (!sameAddress(claim.address, address)) return false;
        const inRealm = overlapCheck && claim.overlapCheck && claim.pool.networkName === pool.networkName;
        return inRealm || poolSpace(claim.pool) === poolSpace(pool);
      }),
  };
}
