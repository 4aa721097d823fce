import type { Claim, Collect, Outcome, Release } from "../../allocation/claim.ts";
import type { ApiError } from "../../kube/api.ts";
import { reservationName, SLICE_NODE } from "../../kube/names.ts";
import type { IPAllocation, OverlappingRangeIPReservation } from "../../kube/objects.ts";
import { err, ok, type Result } from "../../result.ts";
import { compareClaims } from "../order.ts";
import type { Tools } from "./acquisition.ts";
import { MOMENT } from "./given.ts";
import type { Held, Reservation } from "./state.ts";

type Freed = Result<readonly Claim[], ApiError>;

/** DEL: what this interface of this sandbox holds, whatever the configuration says by now. */
export async function release(
  change: Release,
  deadline: number,
  tools: Tools,
): Promise<Result<Outcome, ApiError>> {
  const { state, source } = tools;
  const known = await source.all(deadline);
  if (!known.ok) return known;
  let held = state.heldIn(change.sandbox, change.ifname);
  if (mayHoldMore(held, change, tools)) {
    const checked = await source.recheck(deadline);
    if (!checked.ok) return checked;
    held = state.heldIn(change.sandbox, change.ifname);
  }
  const freed = await freeAll(held, deadline, tools);
  if (!freed.ok) return freed;
  const loose = await dropLoose(change, deadline, tools);
  return loose.ok ? ok({ kind: "released", claims: freed.value }) : loose;
}

/** GC: what this node holds for a network, but for the attachments that still exist. */
export async function collect(
  change: Collect,
  deadline: number,
  tools: Tools,
): Promise<Result<Outcome, ApiError>> {
  const { state, source } = tools;
  const known = await source.all(deadline);
  if (!known.ok) return known;
  const kept = new Set(change.keep.map(({ sandbox, ifname }) => `${sandbox}/${ifname}`));
  const stale: Held[] = [];
  for (const record of state.pools()) {
    for (const entry of record.entries()) {
      const { id, ifname, network, node } = entry.allocation;
      // Records without node or network are Go's, or were pruned: whose they are is for the reconciler to find out.
      if (network !== change.network || node !== change.node) continue;
      if (!kept.has(`${id}/${ifname ?? ""}`)) stale.push({ record, entry });
    }
  }
  const freed = await freeAll(stale, deadline, tools);
  return freed.ok ? ok({ kind: "released", claims: freed.value }) : freed;
}

/** Another process may have written it a moment ago: then a watch may tell nothing of it yet, or of one pool of two. */
function mayHoldMore(held: readonly Held[], { sandbox, ifname }: Release, { given, clock }: Tools): boolean {
  if (held.length === 0) return true;
  if (given.has(sandbox, ifname)) return false;
  return held.some(({ entry }) => {
    const { since } = entry.allocation;
    // An installed CRD may prune it, and Go whereabouts writes none.
    const age = since === undefined ? given.age : clock.now() - Date.parse(since);
    return !(age > MOMENT);
  });
}

async function freeAll(held: readonly Held[], deadline: number, tools: Tools): Promise<Freed> {
  const results = await Promise.all(held.map((one) => free(one, deadline, tools)));
  const failed = results.find((result) => !result.ok);
  if (failed && !failed.ok) return failed;
  const claims = results.flatMap((result) => (result.ok && result.value ? [result.value] : []));
  return ok(claims.sort(compareClaims));
}

/** Takes an entry out of its pool, then its reservation away; undefined if it was not that owner's any more. */
async function free(
  held: Held,
  deadline: number,
  tools: Tools,
): Promise<Result<Claim | undefined, ApiError>> {
  const { state, writer, reserver } = tools;
  const { record, entry } = held;
  const claim = state.claim(held);
  const { address, allocation: was } = entry;
  // As it is now: once the entry is gone, an ADD of the same pod may take the reservation over for its new sandbox.
  let reservation: Pick<Reservation, "object"> | undefined = state.reservationOf(held);
  const result = await writer(record.name, record.pool).submit({ kind: "remove", address, was }, deadline);
  if (result.kind === "failed") return err(result.error);
  if (result.kind === "lost") return ok(undefined);
  if (!reservation) {
    // None, since there is no overlap check; or another process made both, and one watch is behind the other.
    const name = reservationName(record.pool.networkName, address);
    const looked = await reserver.look(name, deadline);
    if (!looked.ok) return looked;
    const found = state.reservationOf(held) ?? ofSlice(looked.value, was);
    if (found?.object.spec.containerid === was.id) reservation = found;
  }
  const { containerid = "" } = reservation?.object.spec ?? {};
  // One that names another sandbox has been taken over by an ADD that is about to write its entry.
  if (!reservation || (containerid !== "" && containerid !== was.id)) return ok(claim);
  const removed = await reserver.remove(reservation.object, deadline);
  return removed.ok ? ok(claim) : removed;
}

/** One of a slice, which no watch tells and the state does not show. */
function ofSlice(object: OverlappingRangeIPReservation | undefined, { podref, ifname = "" }: IPAllocation) {
  if (object?.metadata.labels?.[SLICE_NODE] === undefined) return undefined;
  return object.spec.podref === podref && (object.spec.ifname ?? "") === ifname ? { object } : undefined;
}

/** Reservations of this sandbox without an entry: an ADD or DEL that did not end has left them. */
async function dropLoose(
  { sandbox, ifname }: Release,
  deadline: number,
  { state, reserver }: Tools,
): Promise<Result<void, ApiError>> {
  const reserved = [...state.reservedIn(sandbox, ifname)];
  const results = await Promise.all(reserved.map(({ object }) => reserver.remove(object, deadline)));
  return results.find((result) => !result.ok) ?? ok(undefined);
}
