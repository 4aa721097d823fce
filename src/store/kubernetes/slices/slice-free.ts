import type { Acquire, Change, Claim, Collect } from "../../../allocation/claim.ts";
import { err, ok, type Result } from "../../../result.ts";
import type { StoreError } from "../../store.ts";
import { storeError } from "../failure.ts";
import type { Holdings } from "./holdings.ts";
import { type Cell, claimIn, handOver } from "./ledger.ts";
import type { Workings } from "./workings.ts";

/** What was freed, and whether the pools outside the node's slices may hold more of it. */
export type Freed = { readonly claims: readonly Claim[]; readonly isElsewhere: boolean };

/** DEL and GC in the node's slices: freed at once, and written to the API server behind it. */
export async function freeInSlices(
  change: Exclude<Change, Acquire>,
  deadline: number,
  { store, holdings, tools, writeDelay }: Workings,
): Promise<Result<Freed, StoreError>> {
  const freed = await holdings.change((put) => {
    const cells =
      change.kind === "release"
        ? holdings.ledger.heldIn(change.sandbox, change.ifname)
        : stale(change, holdings);
    const claims = cells.flatMap((cell) => claimIn(cell) ?? []);
    const after = cells.map((cell) => handOver(cell, undefined));
    for (const cell of after) put(cell);
    return { claims, after };
  });
  if (!freed.ok) return freed;
  const { claims, after } = freed.value;
  if (writeDelay === 0) {
    const unwritten =
      change.kind === "release" ? holdings.ledger.formerlyIn(change.sandbox, change.ifname) : after;
    const results = await holdings.mirror.settle(unwritten, deadline);
    for (const result of results) if (result.kind === "failed") return err(storeError(store, result.error));
  }
  const isElsewhere =
    change.kind === "collect" ||
    after.length === 0 ||
    [...tools.state.heldIn(change.sandbox, change.ifname)].some(
      ({ record, entry }) => holdings.ledger.at(record.pool, entry.address) === undefined,
    );
  return ok({ claims, isElsewhere });
}

function stale({ network, node, keep }: Collect, { ledger }: Holdings): Cell[] {
  const kept = new Set(keep.map(({ sandbox, ifname }) => `${sandbox}/${ifname}`));
  return [...ledger.cells()].filter(
    ({ held }) =>
      held?.network === network && held.node === node && !kept.has(`${held.id}/${held.ifname ?? ""}`),
  );
}
