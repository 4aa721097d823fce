import type { Acquire } from "../../../allocation/claim.ts";
import { podRef } from "../../../allocation/owner.ts";
import type { Pool } from "../../../allocation/pool.ts";
import { contains } from "../../../ip/cidr.ts";
import { poolName } from "../../../kube/names.ts";
import { err, ok, type Result } from "../../../result.ts";
import type { StoreError } from "../../store.ts";
import { offsetOf } from "../entry.ts";
import { storeError } from "../failure.ts";
import { CONFIRMED } from "./entitlement.ts";
import { type Cell, emptyCell } from "./ledger.ts";
import { fenced, slicesFor, type Workings } from "./workings.ts";

/** Milliseconds that a node which knows its slices from the journal waits for the API server all the same. */
const SYNC_PATIENCE = 300;

/**
 * Knows by now which slices the node has and what they hold: from the API server, or from the journal if that is away. The names of
 * those that may be used; one that comes later was neither taken up nor written down.
 */
export async function makeReady(
  request: Acquire,
  deadline: number,
  workings: Workings,
): Promise<Result<ReadonlySet<string>, StoreError>> {
  const { store, clock, book, entitlement, tools, holdings } = workings;
  const { wants, node } = request;
  const left = deadline - clock.elapsed();
  const isKnown = wants.every((want) => entitlement.slicesOf(want, node).length > 0);
  const synced = await book.whenSynced(isKnown ? Math.min(left, SYNC_PATIENCE) : left);
  if (!synced.ok && !isKnown) return err(storeError(store, synced.error));
  const slices = slicesFor(request, workings);
  if (synced.ok) {
    entitlement.look(node);
    const names = slices.map((slice) => tools.state.bind(slice));
    const until = isKnown ? clock.elapsed() + Math.min(left, SYNC_PATIENCE) : deadline;
    const pools = await tools.source.ready(names, until);
    const news = slices.filter((slice) => !holdings.knows([poolName(slice)]));
    // Slices that the journal knows were compared when it did; of others the server alone knows what they hold.
    if (!pools.ok && news.length > 0) return err(storeError(store, pools.error));
    const taken = await Promise.all(news.map((slice) => takeUpOnce(request, slice, deadline, workings)));
    const failed = taken.find((result) => !result.ok);
    if (failed) return failed;
  }
  const age = Math.max(...wants.map((want) => entitlement.ageOf(want, node)));
  return age <= CONFIRMED ? ok(new Set(slices.map(poolName))) : err(fenced(store, node, age));
}

/** ADDs that come together take a slice up together. */
function takeUpOnce(request: Acquire, slice: Pool, deadline: number, workings: Workings) {
  const { underWay } = workings;
  const name = poolName(slice);
  const work =
    underWay.get(name) ?? takeUp(request, slice, deadline, workings).finally(() => underWay.delete(name));
  underWay.set(name, work);
  return work;
}

/**
 * Before the first address of a slice is given. Whoever allocates from the same range without slices looks at the slices after it
 * has made its pool, and we look for that pool after we have got the slice: one of us finds the other. A slice that the
 * node had before and its journal does not know was used by a process whose disk is lost.
 */
async function takeUp(
  request: Acquire,
  slice: Pool,
  deadline: number,
  workings: Workings,
): Promise<Result<void, StoreError>> {
  const { store, tools, entitlement, holdings } = workings;
  const { networkName } = slice;
  const sources = request.wants.filter(({ pool }) => pool.range.family === slice.range.family);
  const names = sources.map(({ pool }) => poolName({ networkName, range: pool.range }));
  const isInherited = entitlement.isInherited(slice);
  if (isInherited) {
    const own = await entitlement.confirm(slice, deadline);
    if (!own.ok) return err(storeError(store, own.error));
    names.push(poolName(slice));
  }
  const read = await tools.source.read(names, deadline);
  if (!read.ok) return err(storeError(store, read.error));
  const known = await holdings.change((put) => {
    holdings.compare(slice, put, request.overlapCheck);
    if (isInherited) for (const cell of foundIn(slice, workings)) put(cell);
  });
  return known.ok ? ok(undefined) : known;
}

/** What sandboxes of this node hold in a slice without anybody having written it down. */
function foundIn(slice: Pool, { sandboxes, holdings, log, clock }: Workings): Cell[] {
  const found = sandboxes().filter(({ networkName }) => networkName === slice.networkName);
  const cells: Cell[] = [];
  for (const { id, ifname, network, pod, addresses } of found) {
    for (const address of addresses) {
      if (address.family !== slice.range.family || !contains(slice.range, address)) continue;
      if (holdings.ledger.at(slice, address)?.held) continue;
      const held = {
        id,
        podref: podRef(pod),
        ifname,
        network,
        ...(pod.uid !== undefined && { uid: pod.uid }),
        ...(slice.node !== undefined && { node: slice.node }),
        since: new Date(clock.now()).toISOString(),
      };
      cells.push({ ...emptyCell(slice, address, true), held });
    }
  }
  const offsets = cells.map(({ address }) => offsetOf(slice, address));
  if (cells.length > 0)
    log("error", "the journal of the node's slices was lost; addresses of running sandboxes are kept", {
      pool: poolName(slice),
      offsets: offsets.join(" "),
    });
  return cells;
}
