import { usableOf } from "../../../allocation/slices.ts";
import { formatCidr } from "../../../ip/cidr.ts";
import { countOf } from "../../../ip/interval.ts";
import { poolName, readSlicePoolName } from "../../../kube/names.ts";
import type { SliceUse } from "../../store.ts";
import { intervalOf, type SlicePool } from "./slice-pools.ts";

/**
 * What nodes have of each NodeSlicePool. `exclude` and the gateway are not counted: the objects do not say them. `usedIn`: how many
 * addresses an IPPool holds.
 */
export function sliceUses(
  pools: Iterable<SlicePool>,
  usedIn: (pool: string) => number,
  isWanted: (node: string) => boolean = (node) => node !== "",
): SliceUse[] {
  const uses: SliceUse[] = [];
  for (const pool of pools) {
    const network = readSlicePoolName(pool.name) ?? pool.name;
    // Upstream's does not say whether it is called after a network name or a configuration.
    const realms = pool.realm === undefined ? ["", network] : [pool.realm];
    for (const node of new Set(pool.slices.map((slice) => slice.node))) {
      if (node === "" || !isWanted(node)) continue;
      const slices = pool.slices.filter((slice) => slice.node === node).map(({ range }) => range);
      const names = slices.flatMap((range) =>
        realms.map((networkName) => poolName({ networkName, node, range })),
      );
      uses.push({
        pool: pool.name,
        network,
        range: formatCidr(pool.range),
        node,
        slices: slices.map(formatCidr),
        total: slices.reduce((sum, range) => sum + countOf(usableOf(range, [intervalOf(range)])), 0n),
        used: BigInt(names.reduce((sum, name) => sum + usedIn(name), 0)),
      });
    }
  }
  return uses.sort((a, b) => a.network.localeCompare(b.network) || a.node.localeCompare(b.node));
}
