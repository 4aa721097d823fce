import { parseCidr } from "../ip/cidr.ts";
import { type Interval, normalise } from "../ip/interval.ts";
import type { IPPool } from "../kube/objects.ts";
import { addressAt } from "../store/kubernetes/entry.ts";
import type { PoolUse } from "../store/kubernetes/slices/outside.ts";

/** How much an IPPool holds and, once somebody has to know, where. Undefined if its range is no network. */
export function poolUseOf({ metadata, spec }: IPPool): (PoolUse & { readonly count: number }) | undefined {
  const range = parseCidr(String(spec.range), "sloppy");
  if (!range.ok) return undefined;
  const allocations = spec.allocations ?? {};
  const offsets = Object.keys(allocations);
  const node = allocations[offsets[0] ?? ""]?.node;
  let held: readonly Interval[] | undefined;
  return {
    name: metadata.name,
    range: range.value,
    node: typeof node === "string" ? node : "",
    count: offsets.length,
    // A pool is written often, and where its addresses lie is asked for seldom.
    get held() {
      held ??= normalise(
        offsets.flatMap((offset) => {
          const value = addressAt({ networkName: "", range: range.value }, offset)?.value;
          return value === undefined ? [] : [{ first: value, last: value }];
        }),
      );
      return held;
    },
  };
}
