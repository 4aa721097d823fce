import type { Acquire, Claim, Outcome, Want } from "../../../allocation/claim.ts";
import { type Pool, realmSpace } from "../../../allocation/pool.ts";
import { sleep } from "../../../clock.ts";
import { poolName } from "../../../kube/names.ts";
import { backoff } from "../../../kube/retry.ts";
import { err, ok, type Result } from "../../../result.ts";
import type { StoreError } from "../../store.ts";
import { storeError } from "../failure.ts";
import { LATE } from "../pool-writer.ts";
import { canCutSlice, leftIn } from "./entitlement.ts";
import { type Cell, handOver } from "./ledger.ts";
import type { Synced } from "./mirror.ts";
import { poolsBeside } from "./outside.ts";
import { planInSlices } from "./plan-slices.ts";
import { makeReady } from "./readiness.ts";
import { journalFailed, noSlice, type Workings } from "./workings.ts";

/** Milliseconds that an ADD waits for a slice. */
const SLICE_PATIENCE = 5_000;
/** One in so many addresses left, and a further slice is asked for. */
const LOW = 8n;
const UNDO = 5_000;
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 400;

/** One ADD in the node's own slices: a write to its disk, and to the API server only where somebody has to be asked. */
export async function addInSlices(
  request: Acquire,
  deadline: number,
  workings: Workings,
): Promise<Result<Outcome, StoreError>> {
  const { store, clock, holdings, book, tools, entitlement } = workings;
  const askUntil = Math.min(deadline, clock.elapsed() + SLICE_PATIENCE);
  let lost = 0;
  for (;;) {
    const { revision } = book;
    const ready = await makeReady(request, deadline, workings);
    if (!ready.ok) return ready;
    try {
      entitlement.keep(request);
    } catch (error) {
      return err(journalFailed(store, error)); // after a restart the slice would not be known to be ours
    }
    const planned = await holdings.change((put) => planAndPut(request, ready.value, workings, put));
    if (!planned.ok) return planned;
    if (planned.value.ok) {
      const { claims, created, cells } = planned.value.value;
      if (isThrough(request, workings)) {
        const failed = await writeThrough(cells, created, deadline, workings);
        if (failed === "again") {
          if (clock.elapsed() >= deadline) return err(storeError(store, LATE));
          await sleep(clock, backoff(lost++, FIRST_PAUSE, LONGEST_PAUSE, clock));
          continue;
        }
        if (failed) return err(failed);
      }
      askAhead(request, workings);
      return ok({ kind: "acquired", claims, created: created.length });
    }
    const { error } = planned.value;
    if (error.code === "refused") return ok({ kind: "refused", error: error.error });
    if (book.revision !== revision && clock.elapsed() < askUntil) continue; // there may be a slice by now
    const want = request.wants[error.want];
    if (!want?.slice) return err(noSlice(store, want, request.node));
    if (book.isSynced && !canCutSlice(want, request.node, book, tools.state)) {
      workings.exhausted(want, request.node);
      return ok({
        kind: "refused",
        error: { code: "slices_exhausted", pool: want.pool, slice: want.slice },
      });
    }
    if (book.isSynced) await ask(want, request.node, workings);
    const left = askUntil - clock.elapsed();
    if (left <= 0) return err(noSlice(store, want, request.node));
    await book.news(Math.min(left, 1_000));
  }
}

/** `ready`: the slices that `makeReady` has named. */
export function planAdd(request: Acquire, ready: ReadonlySet<string>, workings: Workings) {
  const { holdings, tools } = workings;
  const { state, claimed } = tools;
  const slicesOf = (want: Want) => readySlices(want, request.node, ready, workings);
  return planInSlices(request, { ledger: holdings.ledger, state, claimed, slicesOf });
}

function readySlices(
  want: Want,
  node: string,
  ready: ReadonlySet<string>,
  { entitlement }: Workings,
): readonly Pool[] {
  return entitlement.slicesOf(want, node).filter((slice) => ready.has(poolName(slice)));
}

function planAndPut(
  request: Acquire,
  ready: ReadonlySet<string>,
  workings: Workings,
  put: (cell: Cell) => void,
) {
  const { holdings, tools } = workings;
  const { wants, node, overlapCheck } = request;
  if (tools.source.isCurrent())
    for (const slice of wants.flatMap((want) => readySlices(want, node, ready, workings)))
      holdings.compare(slice, put, overlapCheck);
  const plan = planAdd(request, ready, workings);
  if (!plan.ok) return plan;
  const { claims, created, renewed } = plan.value;
  const cells = claims.map((claim) => {
    if (!created.includes(claim) && !renewed.includes(claim))
      return holdings.ledger.at(claim.pool, claim.address);
    const cell = holdings.take(claim);
    put(cell);
    return cell;
  });
  return ok({ ...plan.value, cells: cells.filter((cell) => cell !== undefined) });
}

/** Whether the API server has to know an address before it is given. */
function isThrough({ wants, overlapCheck }: Acquire, { writeDelay, tools }: Workings): boolean {
  if (writeDelay === 0) return true;
  return overlapCheck && wants.some((want) => poolsBeside(want, tools.state, true).length > 0);
}

/** Waits until the API server has it; else nothing is given. "again": others have an address of it. */
async function writeThrough(
  cells: readonly Cell[],
  created: readonly Claim[],
  deadline: number,
  { store, clock, holdings, tools }: Workings,
): Promise<StoreError | "again" | undefined> {
  const results = await holdings.mirror.settle(cells, deadline);
  const bad = results.filter(({ kind }) => kind !== "done");
  if (bad.length === 0) return undefined;
  const undone = await holdings.change((put) => {
    const back: Cell[] = [];
    for (const { pool, address } of created) {
      const cell = holdings.ledger.at(pool, address);
      if (!cell?.held) continue;
      back.push(handOver(cell, undefined));
    }
    for (const cell of back) put(cell);
    return back;
  });
  if (!undone.ok) return undone.error;
  for (const [index, result] of results.entries()) {
    const cell = cells[index];
    if (cell && result.kind === "taken")
      tools.claimed.refuse(realmSpace(cell.slice.networkName, cell.address.family), cell.address);
  }
  await holdings.mirror.settle(undone.value, clock.elapsed() + UNDO);
  const failed = bad.find(
    (result): result is Extract<Synced, { kind: "failed" }> => result.kind === "failed",
  );
  return failed ? storeError(store, failed.error) : "again";
}

/** Asks for a further slice before the ones it has are full. */
function askAhead({ wants, node }: Acquire, workings: Workings): void {
  const { book, entitlement, holdings } = workings;
  if (!book.isSynced) return;
  for (const want of wants) {
    const { left, of } = leftIn(want, entitlement.slicesOf(want, node), holdings.ledger);
    if (left * LOW <= of) void ask(want, node, workings);
  }
}

async function ask(want: Want, node: string, { book, entitlement, tools }: Workings): Promise<void> {
  const { pool, slice } = want;
  if (!slice) return;
  const have = entitlement.countOf(want, node);
  await book.ask(slice.network, pool.range, slice.prefix, node, have, () =>
    canCutSlice(want, node, book, tools.state),
  );
}
