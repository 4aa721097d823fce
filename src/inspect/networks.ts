import type { Pool } from "../allocation/pool.ts";
import type { RangeConfig, WhereaboutsConfig } from "../config/index.ts";
import { type Address, sameAddress } from "../ip/address.ts";
import { formatCidr, lastOf } from "../ip/cidr.ts";
import { type Interval, normalise } from "../ip/interval.ts";

/** A network as it is configured today: in an attachment of the cluster, or in a file of the node. */
export type Network = { readonly label: string; readonly config: WhereaboutsConfig };

/** What the configurations of a pool say together. */
export type PoolRules = {
  /** The networks that hand out addresses of this pool. */
  readonly networks: readonly string[];
  /** What any of them may hand out. */
  readonly free: readonly Interval[];
  /** What all of them exclude. */
  readonly excluded: readonly Interval[];
  readonly gateways: readonly Address[];
};

/** The rules of one pool; undefined if no network that is known uses it. */
export function rulesOf(pool: Pool, networks: readonly Network[]): PoolRules | undefined {
  const users = networks.flatMap(({ label, config }) => {
    if (config.networkName !== pool.networkName) return [];
    const ranges = config.ranges.filter(({ range }) => formatCidr(range.network) === formatCidr(pool.range));
    return ranges.map((range) => ({ label, config, range }));
  });
  const [first, ...others] = users;
  if (first === undefined) return undefined;
  const gateways: Address[] = [];
  for (const { config } of users) {
    const gateway = config.gateways[pool.range.family];
    if (gateway && !gateways.some((known) => sameAddress(known, gateway))) gateways.push(gateway);
  }
  const excluded = others.reduce((all, { range }) => intersect(all, range.exclude), first.range.exclude);
  return {
    networks: [...new Set(users.map(({ label }) => label))],
    free: normalise(users.flatMap(({ range }) => range.free)),
    excluded: clip(excluded, pool),
    gateways,
  };
}

/** Where a range lies inside its network, as text would say it; undefined if it is the whole network. */
export function isNarrowed({ range }: RangeConfig): boolean {
  return range.first !== range.network.base + 1n || range.last !== lastOf(range.network) - 1n;
}

function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  return a.flatMap((one) =>
    b.flatMap((two) => {
      const first = one.first > two.first ? one.first : two.first;
      const last = one.last < two.last ? one.last : two.last;
      return first <= last ? [{ first, last }] : [];
    }),
  );
}

function clip(intervals: readonly Interval[], { range }: Pool): Interval[] {
  return intersect(intervals, [{ first: range.base, last: lastOf(range) }]);
}
