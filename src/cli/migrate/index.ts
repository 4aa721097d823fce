import { parseArgs } from "node:util";
import { systemClock } from "../../clock.ts";
import type { ApiError, KubeClient } from "../../kube/api.ts";
import { openCluster } from "../cluster.ts";
import {
  colourful,
  OUTPUT_HELP,
  OUTPUT_OPTIONS,
  type Output,
  readOutput,
  renderData,
  renderListing,
} from "../output.ts";
import { SOURCE_HELP, SOURCE_OPTIONS } from "../source.ts";
import { toStderr, toStdout } from "../stdio.ts";
import { copyClaims } from "./copy.ts";
import { FOUND, PROBLEMS, STEPS, type StepRow } from "./listings.ts";
import { readSituation } from "./situation.ts";
import { CRD_NAMES, type Step, stepsBack, stepsOver } from "./steps.ts";
import { type MigrationSurvey, surveyBack, surveyOver } from "./survey.ts";

const HELP = `usage: berth migrate [--back] [--node NAME]... [--yes] [OPTIONS]
       berth migrate --to-database FILE | --to-kubeconfig FILE [--yes] [OPTIONS]

The first form moves a cluster from whereabouts to Berth, or back. It says what there is, what stands in the way, and each step
with its state; --yes takes those that are to do, one after the other, and stops at the first that fails. Run it again to
go on: what is done is left alone. Pods keep their addresses, and nothing that upstream needs is lost.

The second form copies who holds which address into another store: from a host's database to a cluster or the other way. The source
stays as it is. Stop pods from being made meanwhile: whoever asks the old store gets addresses that the new one gives too.

  --back               to whereabouts
  --node NAME          a node to move now; several may be named. --back without it: all
  --yes                does it
  --force              although errors stand in the way
  --namespace NAME     where the pools are                 that of the kubeconfig, else kube-system
  --to-database FILE   a host's database, made where it is missing
  --to-kubeconfig FILE, --to-context NAME   a cluster
${SOURCE_HELP}${OUTPUT_HELP}
Examples:
  berth migrate                          what there is and what would be done
  berth migrate --yes                    definitions, upstream's reconciler, where its plugin may run
  berth migrate --node node-a --yes      one node
  berth migrate --back --yes             all nodes go back
  berth migrate --database /var/lib/berth/ipam.db --to-kubeconfig ~/.kube/config --yes

Exit codes: 0 done, or it could be done; 1 errors stand in the way, or a step failed; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...OUTPUT_OPTIONS,
  back: { type: "boolean", default: false },
  node: { type: "string", multiple: true, default: [] as string[] },
  yes: { type: "boolean", default: false },
  force: { type: "boolean", default: false },
  namespace: { type: "string" },
  "to-database": { type: "string" },
  "to-kubeconfig": { type: "string" },
  "to-context": { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** `berth migrate`: between whereabouts and Berth, and between stores. */
export async function runMigrate(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  if (values["to-database"] !== undefined || values["to-kubeconfig"] !== undefined)
    return copyClaims(values, output);
  if (values.database !== undefined)
    return complain(
      "--database has claims to copy: name their new store, --to-kubeconfig or --to-database",
      2,
    );
  const client = openCluster("berth-migrate", values);
  if (!client.ok) return complain(client.error, 1);
  try {
    return await migrate(client.value, values, output);
  } finally {
    client.value.close();
  }
}

type Wish = {
  readonly back: boolean;
  readonly node: readonly string[];
  readonly yes: boolean;
  readonly force: boolean;
};

async function migrate(client: KubeClient, wish: Wish, output: Output): Promise<number> {
  const survey = await (wish.back ? surveyBack(client) : surveyOver(client, systemClock.now()));
  if (!survey.ok) return failed(survey.error);
  const isBlocked = survey.value.problems.some(({ severity }) => severity === "error") && !wish.force;
  const steps = await plan(client, wish);
  if (!steps.ok) return failed(steps.error);
  let outcome = 0;
  if (wish.yes && !isBlocked) outcome = await carryOut(steps.value);
  const after = wish.yes ? await plan(client, wish) : steps;
  if (!after.ok) return failed(after.error);
  toStdout(await render(survey.value, after.value, output));
  if (isBlocked) return complain(`errors stand in the way${wish.yes ? ", and nothing was done" : ""}`, 1);
  if (after.value.some(({ state }) => state === "blocked")) return 1;
  if (!wish.yes && after.value.some(({ state }) => state === "todo"))
    toStderr("Nothing has changed; --yes does it.\n");
  return outcome;
}

async function plan(client: KubeClient, { back, node }: Wish) {
  const situation = await readSituation(client, CRD_NAMES);
  if (!situation.ok) return situation;
  const steps = (back ? stepsBack : stepsOver)(client, situation.value, node);
  return { ok: true, value: steps } as const;
}

/** One step after the other, told as they are done; the exit code. */
async function carryOut(steps: readonly Step[]): Promise<number> {
  for (const { object, what, apply } of steps) {
    if (apply === undefined) continue;
    const done = await apply();
    if (!done.ok) return complain(`${object}: ${done.error.message} (${done.error.hint})`, 1);
    toStderr(`${object}: ${what}: done\n`);
  }
  return 0;
}

async function render({ found, problems }: MigrationSurvey, steps: readonly Step[], output: Output) {
  const rows = steps.map(({ object, what, state }): StepRow => ({ object, what, state }));
  if (output === "json" || output === "yaml") return renderData({ found, problems, steps: rows }, output);
  const style = { colours: colourful() };
  const parts = [
    await renderListing(found, FOUND, output, style),
    await renderListing(problems, PROBLEMS, output, style),
    await renderListing(rows, STEPS, output, style),
  ];
  return parts.join("\n");
}

function failed({ message, hint }: ApiError): number {
  return complain(`${message} (${hint})`, 1);
}

function complain(why: string, exit: number): number {
  toStderr(`berth migrate: ${why}\n`);
  return exit;
}
