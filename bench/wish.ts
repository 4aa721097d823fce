import type { Acquire, Want } from "../src/allocation/claim.ts";
import { parseRange } from "../src/ip/range.ts";
import type { Store } from "../src/store/store.ts";

/** A wish for one address of the range. */
export function wantOf(text: string): Want {
  const range = parseRange(text);
  if (!range.ok) throw new Error(range.error.hint);
  const { network, first, last } = range.value;
  return { pool: { networkName: "", range: network }, free: [{ first, last }] };
}

/** What the plugin asks of a store at ADD; the pod's name serves as its sandbox. */
export function acquire(want: Want, pod: string): Acquire {
  const owner = { pod: { namespace: "bench", name: pod }, ifname: "net1", sandbox: pod };
  return {
    kind: "acquire",
    owner,
    node: "bench",
    network: "bench",
    overlapCheck: true,
    wants: [want],
    now: 0,
  };
}

export async function commit(store: Store, changes: Parameters<Store["commit"]>[0]): Promise<void> {
  const outcomes = await store.commit(changes);
  if (!outcomes.ok) throw new Error(outcomes.error.message);
  if (outcomes.value.some(({ kind }) => kind === "refused")) throw new Error("an allocation was refused");
}
