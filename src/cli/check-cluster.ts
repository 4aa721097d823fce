import type { Claim } from "../allocation/claim.ts";
import { sleep, systemClock } from "../clock.ts";
import type { Finding } from "../inspect/findings.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import { listAll } from "../kube/list.ts";
import { NODE_SLICE_POOLS, NODES } from "../kube/objects.ts";
import { type CaseRecord, caseRecord } from "../reconciler/describe.ts";
import { findingsOfSurvey, sliceFindings } from "../reconciler/findings.ts";
import { Knowledge } from "../reconciler/knowledge.ts";
import { type Pass, Passes } from "../reconciler/pass.ts";
import { survey } from "../reconciler/survey.ts";
import { err, ok, type Result } from "../result.ts";
import { compareClaims, comparePools } from "../store/order.ts";
import type { PoolUsage } from "../store/store.ts";
import { Progress } from "./progress.ts";

/** What is inconsistent between the records of a cluster and its pods, and how much was looked at. */
export type ClusterCheck = {
  readonly findings: readonly Finding[];
  readonly claims: readonly Claim[];
  readonly pools: readonly PoolUsage[];
  readonly counts: {
    readonly pools: number;
    readonly allocations: number;
    /** Of these, how many carry the uid of their pod: Berth tells pods of one name apart by it. */
    readonly withUid: number;
    readonly reservations: number;
    readonly pods: number;
  };
  /** What was mended, or tried; empty unless asked to. */
  readonly mended: readonly CaseRecord[];
};

/** Milliseconds until everything must have been listed once. */
const SYNC = 60_000;

/** `repair`: the grace time between two looks, in milliseconds; absent: nothing is changed. */
export async function checkCluster(
  client: KubeClient,
  repair?: number,
): Promise<Result<ClusterCheck, ApiError>> {
  const knowledge = new Knowledge({ client, clock: systemClock, log: () => undefined });
  try {
    const synced = await knowledge.whenSynced(SYNC);
    if (!synced.ok) return synced;
    const pass = repair === undefined ? undefined : await mend(client, knowledge, repair);
    if (pass?.error) return err(pass.error);
    const slices = await sliceCheck(client);
    if (!slices.ok) return slices;
    const found = survey(knowledge, systemClock.now());
    const pools = [...knowledge.state.pools()];
    const entries = pools.flatMap((record) => [...record.entries()]);
    const { state } = knowledge;
    return ok({
      findings: [...findingsOfSurvey(found), ...slices.value],
      claims: pools
        .flatMap((record) => [...record.entries()].map((entry) => state.claim({ record, entry })))
        .sort(compareClaims),
      pools: pools
        .map(({ pool, used }) => ({ pool, used: used.count }))
        .sort((a, b) => comparePools(a.pool, b.pool)),
      counts: {
        pools: pools.length,
        allocations: entries.length,
        withUid: entries.filter(({ allocation }) => (allocation.uid ?? "") !== "").length,
        reservations: [...knowledge.state.reservations()].length,
        pods: knowledge.pods.size,
      },
      mended: pass?.results.map(({ one, mended }) => caseRecord(one, mended.kind)) ?? [],
    });
  } finally {
    await knowledge.stop();
  }
}

/** Two looks with the grace time between. */
export async function mend(client: KubeClient, knowledge: Knowledge, grace: number): Promise<Pass> {
  const passes = new Passes({ client, clock: systemClock, knowledge, grace });
  const first = await passes.run();
  if (first.survey.cases.length === 0) return first;
  await waitShown(grace);
  return passes.run();
}

/** Waits so many milliseconds, and says on a terminal how much of it is over. */
async function waitShown(ms: number): Promise<void> {
  const progress = new Progress("seconds until the second look", Math.round(ms / 1000));
  for (let waited = 0; waited < ms; waited += 1000) {
    progress.at(Math.round(waited / 1000));
    await sleep(systemClock, Math.min(1000, ms - waited));
  }
  progress.end();
}

async function sliceCheck(client: KubeClient): Promise<Result<readonly Finding[], ApiError>> {
  const pools = await listAll(client, NODE_SLICE_POOLS, { namespace: client.namespace });
  // A cluster without Fast IPAM need not have the kind.
  if (!pools.ok) return pools.error.code === "kind_missing" ? ok([]) : pools;
  if (pools.value.items.length === 0) return ok([]);
  const nodes = await listAll(client, NODES, { metadataOnly: true });
  if (!nodes.ok) return nodes;
  const names = new Set(nodes.value.items.map(({ metadata }) => metadata.name));
  return ok(sliceFindings(pools.value.items, names));
}
