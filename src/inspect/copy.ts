import type { Acquire, Claim } from "../allocation/claim.ts";
import { type Owner, podRef, samePod } from "../allocation/owner.ts";
import { poolSpace, spacesOf } from "../allocation/pool.ts";
import { formatAddress } from "../ip/address.ts";

/** What keeps a claim of one store out of another. */
export type CopyProblem = {
  readonly severity: "error" | "warning";
  readonly code: "address_taken" | "pod_moved_on";
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
};

/** What it takes to have the claims of one store in another one too. */
export type CopyPlan = {
  /** One for each attachment of which something is missing. */
  readonly changes: readonly Acquire[];
  /** Addresses in `changes` that the other store has not yet. */
  readonly missing: number;
  /** Addresses that it has already. */
  readonly there: number;
  readonly problems: readonly CopyProblem[];
};

/** Compares two stores. What the target has is never changed: carrying the plan out again changes nothing. */
export function planCopy(source: readonly Claim[], target: readonly Claim[]): CopyPlan {
  const holders = new Map(
    target.flatMap((claim) =>
      spacesOf(claim.pool, claim.overlapCheck).map((space) => [at(space, claim), claim]),
    ),
  );
  const sandboxes = new Map(target.map((claim) => [interfaceOf(claim), claim]));
  const changes: Acquire[] = [];
  const problems: CopyProblem[] = [];
  let missing = 0;
  let there = 0;
  for (const claims of Map.groupBy(source, attachmentOf).values()) {
    const sorted = claims.toSorted((a, b) => a.slot - b.slot);
    const [first] = sorted;
    if (first === undefined) continue;
    const taken = sorted.flatMap((claim) => {
      const holder = holderOf(claim, holders);
      return holder && !sameOwner(holder.owner, claim.owner) ? [{ claim, holder }] : [];
    });
    const other = first.owner.pod.name === "" ? undefined : sandboxes.get(interfaceOf(first));
    if (other && other.owner.sandbox !== first.owner.sandbox) problems.push(movedOn(first, other));
    else if (taken.length > 0) problems.push(...taken.map(({ claim, holder }) => takenBy(claim, holder)));
    else {
      const lacking = sorted.filter((claim) => holderOf(claim, holders) === undefined);
      there += sorted.length - lacking.length;
      missing += lacking.length;
      if (lacking.length > 0) changes.push(acquireAgain(first, sorted));
    }
  }
  return { changes, missing, there, problems };
}

/** The acquisition that makes these claims of one attachment, with their age. */
function acquireAgain(
  { owner, node, network, overlapCheck, since }: Claim,
  claims: readonly Claim[],
): Acquire {
  const wants = claims.map(({ pool, address }) => ({ pool, free: [], address }));
  return { kind: "acquire", owner, node, network, overlapCheck, wants, now: since };
}

function holderOf(claim: Claim, holders: ReadonlyMap<string, Claim>): Claim | undefined {
  for (const space of spacesOf(claim.pool, claim.overlapCheck)) {
    const holder = holders.get(at(space, claim));
    if (holder) return holder;
  }
  return undefined;
}

function at(space: string, { address }: Claim): string {
  return `${space} ${formatAddress(address)}`;
}

function interfaceOf({ owner }: Claim): string {
  return `${podRef(owner.pod)} ${owner.ifname}`;
}

/** Claims that one ADD made. */
function attachmentOf({ owner, node, network, overlapCheck, since, pool }: Claim): string {
  const { pod, ifname, sandbox } = owner;
  return JSON.stringify([pod, ifname, sandbox, node, network, overlapCheck, pool.networkName, since]);
}

/** What a server pruned from one of them does not count. */
function sameOwner(a: Owner, b: Owner): boolean {
  return a.ifname === b.ifname && a.sandbox === b.sandbox && samePod(a.pod, b.pod);
}

function movedOn({ owner, address, pool }: Claim, other: Claim): CopyProblem {
  return {
    severity: "warning",
    code: "pod_moved_on",
    subject: formatAddress(address),
    message: `${podRef(owner.pod)} ${owner.ifname} has a newer sandbox there, with ${formatAddress(other.address)}: ${poolSpace(pool)} is left out`,
    hint: "nothing, if the pod was started again since",
  };
}

function takenBy({ owner, address }: Claim, holder: Claim): CopyProblem {
  const text = formatAddress(address);
  return {
    severity: "error",
    code: "address_taken",
    subject: text,
    message: `${text} of ${podRef(owner.pod) || "a reservation"} is held there by ${podRef(holder.owner.pod) || "a reservation"}`,
    hint: "restart one of the two pods, or release one of the two claims",
  };
}
