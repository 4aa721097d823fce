import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { describePool } from "../allocation/pool.ts";
import { reservationOf } from "../allocation/reservation.ts";
import type { Finding } from "../inspect/findings.ts";
import { formatAddress } from "../ip/address.ts";
import type { PoolPart } from "./snapshot.ts";

/** Addresses that a message names. */
const NAMED = 3;

/** A finding for each pool of which pods that are gone hold addresses; `isStranded` answers for a claim of a pod. */
export function* strandedIn(
  parts: readonly PoolPart[],
  isStranded: (claim: Claim) => boolean,
): Generator<Finding> {
  for (const { usage, claims } of parts) {
    const gone = claims.filter((claim) => reservationOf(claim) === undefined && isStranded(claim));
    const [first] = gone;
    if (first === undefined) continue;
    const pool = describePool(usage.pool);
    const named = gone
      .slice(0, NAMED)
      .map(({ address, owner }) => `${formatAddress(address)} (${podRef(owner.pod)})`);
    const more = gone.length > NAMED ? ` and ${gone.length - NAMED} more` : "";
    const count = gone.length === 1 ? "an address" : `${gone.length} addresses`;
    yield {
      severity: "warning",
      code: "stranded",
      subject: pool,
      message: `pods that are gone hold ${count} of ${pool}: ${named.join(", ")}${more}`,
      hint: "the reconciler frees what stays so; berth check tells what it would do, berth check --repair --yes does it at once",
    };
  }
}
