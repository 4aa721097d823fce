import type { AllocationError, Claim } from "../allocation/claim.ts";
import { planAcquire } from "../allocation/plan.ts";
import { spacesOf } from "../allocation/pool.ts";
import { type Address, addressOf, formatAddress } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import { countOf, type Interval } from "../ip/interval.ts";
import type { Network } from "./networks.ts";
import { viewOf } from "./view.ts";

/** What a new pod would get from one range, and why not something else. */
export type RangeExplanation = {
  /** Where it is configured. */
  readonly path: string;
  readonly range: string;
  /** The lowest address that nobody holds; absent if there is none, or if an earlier range has none. */
  readonly next?: Address;
  readonly total: bigint;
  readonly free: bigint;
  readonly candidates: readonly Interval[];
  readonly gateway?: Address;
  readonly exclude: readonly Interval[];
  /** Who holds the candidates before `next`, lowest first; at most so many that a person reads them. */
  readonly before: readonly Claim[];
  readonly skipped: bigint;
};

export type NetworkExplanation = {
  readonly label: string;
  readonly networkName: string;
  readonly overlapCheck: boolean;
  readonly ranges: readonly RangeExplanation[];
  /** Addresses of `addresses`, given to every pod as they are. */
  readonly fixed: readonly string[];
  /** Why a new pod would get nothing at all. */
  readonly refusal?: AllocationError;
};

const MOST_SHOWN = 5;

/** What an ADD of a new pod would do now. */
export function explainNetwork({ label, config }: Network, claims: readonly Claim[]): NetworkExplanation {
  const { networkName, overlapCheck, ranges, gateways, addresses } = config;
  const wants = ranges.map((range) => ({
    pool: { networkName, range: range.range.network },
    free: range.free,
  }));
  // A pod that cannot exist: what it would get is what the next one gets.
  const owner = { pod: { namespace: "", name: "" }, ifname: "", sandbox: "" };
  const request = { kind: "acquire", owner, node: "", network: "", overlapCheck, wants, now: 0 } as const;
  const plan = planAcquire(request, viewOf(claims));
  const explained = ranges.map((range, slot): RangeExplanation => {
    const { family } = range.range.network;
    const pool = wants[slot]?.pool ?? { networkName, range: range.range.network };
    const spaces = new Set(spacesOf(pool, overlapCheck));
    const next = plan.ok ? plan.value.claims[slot]?.address : undefined;
    const held = claims.filter((claim) => {
      const shares = spacesOf(claim.pool, claim.overlapCheck).some((space) => spaces.has(space));
      return shares && claim.address.family === family && within(range.free, claim.address.value);
    });
    const distinct = new Map(held.map((claim) => [claim.address.value, claim]));
    const skipped = [...distinct.values()]
      .filter(({ address }) => next === undefined || address.value < next.value)
      .sort((a, b) => (a.address.value < b.address.value ? -1 : 1));
    const total = countOf(range.free);
    const gateway = gateways[family];
    return {
      path: range.path,
      range: formatCidr(range.range.network),
      ...(next && { next }),
      total,
      free: total - BigInt(distinct.size),
      candidates: range.free,
      ...(gateway && { gateway }),
      exclude: range.exclude,
      before: skipped.slice(0, MOST_SHOWN),
      skipped: BigInt(skipped.length),
    };
  });
  return {
    label,
    networkName,
    overlapCheck,
    ranges: explained,
    fixed: addresses.map(({ address }) => `${formatAddress(address.address)}/${address.prefix}`),
    ...(!plan.ok && { refusal: plan.error }),
  };
}

/** Intervals for people: `10.0.0.16-10.0.0.253`. */
export function formatIntervals(family: 4 | 6, intervals: readonly Interval[]): string {
  const show = (value: bigint) => formatAddress(addressOf(family, value));
  const parts = intervals.map(({ first, last }) =>
    first === last ? show(first) : `${show(first)}-${show(last)}`,
  );
  return parts.length > MOST_SHOWN
    ? `${parts.slice(0, MOST_SHOWN).join(", ")} and ${parts.length - MOST_SHOWN} more`
    : parts.join(", ");
}

function within(intervals: readonly Interval[], value: bigint): boolean {
  return intervals.some(({ first, last }) => first <= value && value <= last);
}
