import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { reservationOf } from "../allocation/reservation.ts";
import { formatIntervals, type NetworkExplanation, type RangeExplanation } from "../inspect/explain.ts";
import { claimRecord } from "../inspect/records.ts";
import { formatAddress } from "../ip/address.ts";
import { short } from "./output.ts";

/** For people. */
export function renderExplanation(network: NetworkExplanation): string {
  const { label, networkName, overlapCheck, ranges, fixed, refusal } = network;
  const realm = networkName === "" ? "the common network name" : `the network name ${networkName}`;
  const shared = overlapCheck
    ? `an address is unique among all ranges of ${realm}`
    : "each range is a realm of its own (enable_overlapping_ranges: false)";
  const lines = [`${label}: ${shared}`, ...ranges.flatMap(rangeLines)];
  if (fixed.length > 0)
    lines.push(`  addresses    ${fixed.join(", ")}, given to every pod and recorded nowhere`);
  if (refusal) lines.push("  A new pod gets nothing: an interface gets an address of each range, or none.");
  return `${lines.join("\n")}\n`;
}

function rangeLines(range: RangeExplanation): string[] {
  const { next, total, free, candidates, gateway, exclude, before, skipped } = range;
  const family = range.range.includes(":") ? 6 : 4;
  const lines = [`  ${range.range}  (${range.path})`];
  const why = skipped === 0n ? "the lowest of all" : `the lowest that is free: ${skipped} before it are held`;
  if (next) lines.push(`    next       ${formatAddress(next)}, ${why}`);
  else
    lines.push(
      free === 0n ? "    next       none: all are held" : "    next       none, since another range has none",
    );
  lines.push(`    free       ${short(free)} of ${short(total)} in ${formatIntervals(family, candidates)}`);
  const never = [
    ...(gateway ? [`${formatAddress(gateway)} (gateway)`] : []),
    ...(exclude.length > 0 ? [`${formatIntervals(family, exclude)} (exclude)`] : []),
    "network and broadcast address",
  ];
  lines.push(`    never      ${never.join(", ")}`);
  for (const claim of before) lines.push(`    held       ${formatAddress(claim.address)} by ${who(claim)}`);
  const more = skipped - BigInt(before.length);
  if (more > 0n) lines.push(`               and ${more} more`);
  return lines;
}

function who(claim: Claim): string {
  const reservation = reservationOf(claim);
  if (reservation) return `a reservation of ${reservation.by}: ${reservation.reason}`;
  return `${podRef(claim.owner.pod)} ${claim.owner.ifname}`;
}

/** Counts as texts, addresses as people write them. */
export function explanationRecord({ ranges, refusal, ...network }: NetworkExplanation) {
  return {
    ...network,
    ranges: ranges.map(({ next, total, free, candidates, gateway, exclude, before, skipped, ...range }) => {
      const family = range.range.includes(":") ? 6 : 4;
      return {
        ...range,
        next: next ? formatAddress(next) : null,
        total: String(total),
        free: String(free),
        candidates: formatIntervals(family, candidates),
        gateway: gateway ? formatAddress(gateway) : null,
        exclude: formatIntervals(family, exclude),
        heldBefore: String(skipped),
        before: before.map(claimRecord),
      };
    }),
    refusal: refusal?.code ?? null,
  };
}
