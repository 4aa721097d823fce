import { existsSync } from "node:fs";
import type { Acquire, Claim } from "../../allocation/claim.ts";
import { systemClock } from "../../clock.ts";
import type { StoreChoice } from "../../config/index.ts";
import { type CopyPlan, planCopy } from "../../inspect/copy.ts";
import { findingsOf } from "../../inspect/findings.ts";
import { NODE_SLICE_POOLS } from "../../kube/objects.ts";
import { err, ok, type Result } from "../../result.ts";
import { openCluster } from "../../store/kubernetes/cluster.ts";
import { openStore } from "../../store/open.ts";
import type { Store } from "../../store/store.ts";
import type { Problem } from "../findings.ts";
import { colourful, type Output, renderData, renderListing } from "../output.ts";
import { Progress } from "../progress.ts";
import { chosenSource, describeFailure, openSource, type SourceOptions } from "../source.ts";
import { toStderr, toStdout } from "../stdio.ts";
import { PROBLEMS } from "./listings.ts";
import { listOrNone } from "./survey.ts";

export type CopyOptions = SourceOptions & {
  readonly "to-database"?: string | undefined;
  readonly "to-kubeconfig"?: string | undefined;
  readonly "to-context"?: string | undefined;
  readonly yes: boolean;
  readonly force: boolean;
};

/** Attachments in one commit: it is durable as a whole, so a copy that is interrupted loses little. */
const BATCH = 200;
/** Milliseconds for each. */
const PATIENCE = 60_000;

/** Copies the claims of one store into another one; the exit code. */
export async function copyClaims(options: CopyOptions, output: Output): Promise<number> {
  const from = chosenSource(options);
  const to = targetOf(options);
  if (!to.ok) return complain(to.error, 2);
  if (JSON.stringify(from) === JSON.stringify(to.value)) return complain("both are the same store", 2);
  const source = await readClaims(openSource(options, "look"));
  if (!source.ok) return complain(source.error, 1);
  const before = await readTarget(to.value);
  if (!before.ok) return complain(before.error, 1);
  const plan = planCopy(source.value, before.value);
  const slices = await sliceProblems(from);
  if (!slices.ok) return complain(slices.error, 1);
  const problems = [...slices.value, ...problemsOf(source.value, plan)];
  const isBlocked = problems.some(({ severity }) => severity === "error") && !options.force;
  let { there, missing } = plan;
  let failure: string | undefined;
  if (options.yes && !isBlocked) {
    const copied = await carryOut(to.value, plan.changes);
    if (!copied.ok) failure = copied.error;
    const after = await readTarget(to.value);
    if (!after.ok) return complain(after.error, 1);
    ({ there, missing } = planCopy(source.value, after.value));
  }
  const counts = { held: source.value.length, there, missing };
  const text =
    output === "json" || output === "yaml"
      ? await renderData({ ...counts, problems }, output)
      : `${await renderListing(problems, PROBLEMS, output, { colours: colourful() })}
${counts.held} addresses are held: ${there} are in the new store, ${missing} are missing there.
`;
  toStdout(text);
  if (failure !== undefined) return complain(failure, 1);
  if (isBlocked) return complain(`errors stand in the way${options.yes ? ", and nothing was done" : ""}`, 1);
  const next = options.yes
    ? "The old store is as it was. Let the networks name the new one before the next pod starts."
    : "Nothing has changed; --yes does it.";
  toStderr(`${next}\n`);
  return 0;
}

function targetOf(options: CopyOptions): Result<StoreChoice, string> {
  const { "to-database": path, "to-kubeconfig": kubeconfig, "to-context": context } = options;
  if (path !== undefined && kubeconfig !== undefined)
    return err("name one store: --to-database or --to-kubeconfig");
  if (path !== undefined) return ok({ kind: "sqlite", path });
  return ok({ kind: "kubernetes", kubeconfig: kubeconfig ?? "", ...(context !== undefined && { context }) });
}

/** A database that does not exist yet holds nothing; looking does not make it. */
async function readTarget(choice: StoreChoice): Promise<Result<readonly Claim[], string>> {
  if (choice.kind === "kubernetes") return readClaims(openStore(choice, { patience: PATIENCE }));
  if (!existsSync(choice.path)) return ok([]);
  return readClaims(openSource({ database: choice.path }, "look"));
}

async function readClaims(opened: ReturnType<typeof openSource>): Promise<Result<readonly Claim[], string>> {
  if (!opened.ok) return err(describeFailure(opened.error));
  const claims = await opened.value.claims({});
  opened.value.close();
  return claims.ok ? claims : err(describeFailure(claims.error));
}

/** What is wrong with the claims themselves, and what keeps them out of the new store. */
function problemsOf(claims: readonly Claim[], plan: CopyPlan): readonly Problem[] {
  const ofClaims = findingsOf({ claims, pools: [], networks: [], now: 0 });
  const all: Problem[] = [...ofClaims, ...plan.problems];
  return all.toSorted((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0));
}

/** Slices belong to nodes of a cluster: another store cannot say whose an address of one is. */
async function sliceProblems(from: StoreChoice): Promise<Result<readonly Problem[], string>> {
  if (from.kind !== "kubernetes") return ok([]);
  const client = openCluster(from, systemClock);
  if (!client.ok) return err(describeFailure(client.error));
  const pools = await listOrNone(client.value, NODE_SLICE_POOLS, client.value.namespace);
  client.value.close();
  if (!pools.ok) return err(`${pools.error.message} (${pools.error.hint})`);
  return ok(
    pools.value.map(({ metadata: { name }, spec }): Problem => {
      const message = `${name} gives nodes slices of ${spec.range}, which no other store has`;
      const hint = "take node_slice_size out of the network and restart its pods first";
      return { severity: "error", code: "slice_pool", subject: name, message, hint };
    }),
  );
}

async function carryOut(choice: StoreChoice, changes: readonly Acquire[]): Promise<Result<void, string>> {
  // A watch knows what is there, so that no change has to read its pool.
  const store = openStore(choice, { patience: PATIENCE, staying: choice.kind === "kubernetes" });
  if (!store.ok) return err(describeFailure(store.error));
  const progress = new Progress("attachments copied", changes.length);
  try {
    for (let at = 0; at < changes.length; at += BATCH) {
      progress.at(at);
      const done = await commit(store.value, changes.slice(at, at + BATCH));
      if (!done.ok) return done;
    }
    return ok(undefined);
  } finally {
    progress.end();
    await store.value.flush?.();
    store.value.close();
  }
}

async function commit(store: Store, changes: readonly Acquire[]): Promise<Result<void, string>> {
  const outcomes = await store.commit(changes, PATIENCE);
  if (!outcomes.ok) return err(describeFailure(outcomes.error));
  const refused = outcomes.value.filter(({ kind }) => kind === "refused").length;
  return refused === 0
    ? ok(undefined)
    : err(`${refused} were refused: somebody took their addresses meanwhile`);
}

function complain(why: string, exit: number): number {
  toStderr(`berth migrate: ${why}\n`);
  return exit;
}
