import type { RangeConfig, WhereaboutsConfig } from "../config/index.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { Interval } from "../ip/interval.ts";
import type { Part, Reporter } from "./reporter.ts";

/** A network whose `ipam` is whereabouts. */
export type Network = {
  /** How to call it in a message: "the attachment storage". */
  readonly label: string;
  readonly config: WhereaboutsConfig;
};

/** One that stands in the file. */
export type Attachment = Network & {
  readonly part: Part;
  /** What stands before `ipam` in its paths. */
  readonly base: string;
};

/** Each pair is compared; a file has a few networks, never thousands that overlap. */
const MOST_ATTACHMENTS = 500;

/**
 * Warns of ranges that share addresses while nobody sees to it that an address is handed out once: with other
 * network_names, or without the check across ranges (which one pool of the same network does not need).
 */
export function reportOverlaps(attachments: readonly Attachment[], reporter: Reporter): void {
  const some = attachments.slice(0, MOST_ATTACHMENTS);
  for (const [index, later] of some.entries()) {
    const reported = new Set<RangeConfig>();
    for (const earlier of some.slice(0, index)) {
      for (const range of later.config.ranges) {
        const other = earlier.config.ranges.find((candidate) =>
          isUnguarded(later, range, earlier, candidate),
        );
        if (other === undefined || reported.has(range)) continue;
        reported.add(range);
        report(later, range, earlier, reporter);
      }
    }
  }
}

/** Whether two ranges may hand out the same address, and nobody sees to it that they do not. */
export function isUnguarded(a: Network, range: RangeConfig, b: Network, other: RangeConfig): boolean {
  return !shareRealm(a.config, range, b.config, other) && overlap(range, other);
}

function shareRealm(
  a: WhereaboutsConfig,
  range: RangeConfig,
  b: WhereaboutsConfig,
  other: RangeConfig,
): boolean {
  if (a.networkName !== b.networkName) return false;
  return (
    (a.overlapCheck && b.overlapCheck) || formatCidr(range.range.network) === formatCidr(other.range.network)
  );
}

function overlap(a: RangeConfig, b: RangeConfig): boolean {
  if (a.range.network.family !== b.range.network.family) return false;
  return a.free.some((one) => b.free.some((two) => meet(one, two)));
}

function meet(a: Interval, b: Interval): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function report(later: Attachment, range: RangeConfig, earlier: Attachment, reporter: Reporter): void {
  const network = formatCidr(range.range.network);
  const sameName = later.config.networkName === earlier.config.networkName;
  reporter.add(later.part, {
    severity: "warning",
    code: "overlap_without_shared_realm",
    path: `${later.base}${range.path}.range`,
    value: network,
    message: `${network} shares addresses with ${earlier.label}, and both may hand out the same one`,
    hint: sameName
      ? "remove enable_overlapping_ranges: false from both, or keep the ranges apart"
      : "give both the same network_name, or keep the ranges apart; fine if the networks are separate",
  });
}
