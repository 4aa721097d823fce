import { parseArgs } from "node:util";
import { systemClock } from "../clock.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import { Confirmation } from "../reconciler/confirm.ts";
import { type CaseRecord, caseRecord, WHY } from "../reconciler/describe.ts";
import { Knowledge } from "../reconciler/knowledge.ts";
import { type Remark, survey } from "../reconciler/survey.ts";
import { mend } from "./check-cluster.ts";
import { openCluster } from "./cluster.ts";
import { readDuration } from "./duration.ts";
import { colourful, type Listing, OUTPUT_HELP, OUTPUT_OPTIONS, readOutput, renderListing } from "./output.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth reconcile --dry-run | --once [OPTIONS]

Compares what is recorded of addresses with the pods that there are, and shows what nobody uses any more and why. --once takes it
back: looks, waits for the grace time, looks again at the API server itself, and frees what is unchanged.

  --dry-run            says what it would do; changes nothing
  --once               does it
  --grace DURATION     between the two looks               60s
  --kubeconfig FILE    the cluster                         KUBECONFIG, ~/.kube/config, or the pod's own account
  --context NAME       the context of the kubeconfig       its current one
  --namespace NAME     where the pools are                 that of the kubeconfig, else kube-system
${OUTPUT_HELP}
Examples:
  berth reconcile --dry-run
  berth reconcile --once --grace 2m

Exit codes: 0 done; 1 it cannot be looked, or something could not be done; 2 wrong usage.
`;

const OPTIONS = {
  "dry-run": { type: "boolean", default: false },
  once: { type: "boolean", default: false },
  grace: { type: "string", default: "60s" },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  namespace: { type: "string" },
  ...OUTPUT_OPTIONS,
  help: { type: "boolean", default: false },
} as const;

/** Milliseconds until everything must have been listed once. */
const SYNC = 60_000;

const ACTIONS: Record<CaseRecord["action"], string> = {
  free: "free the address",
  delete_reservation: "delete the reservation",
  create_reservation: "create the reservation",
};

const LISTING: Listing<CaseRecord> = {
  empty: "Nothing is stranded.",
  columns: [
    { title: "ADDRESS", cell: ({ address, object }) => address || object },
    { title: "POD", cell: ({ pod }) => pod },
    { title: "INTERFACE", cell: (one) => one.interface },
    { title: "NODE", cell: ({ node }) => node, wide: true },
    { title: "OBJECT", cell: ({ object }) => object },
    { title: "WHY", cell: ({ why }) => WHY[why] },
    { title: "WHAT TO DO", cell: ({ action }) => ACTIONS[action] },
    { title: "OUTCOME", cell: ({ outcome }) => (outcome === "would" ? "not done (--dry-run)" : outcome) },
  ],
};

/** `berth reconcile`: one comparison, for people. */
export async function runReconcile(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const output = readOutput(values.output);
  const grace = readDuration(values.grace);
  if (output === undefined) return 2;
  if (grace === undefined) return complain(`--grace: ${JSON.stringify(values.grace)} is no duration`, 2);
  if (values["dry-run"] === values.once) return complain("say either --dry-run or --once", 2);
  const client = openCluster("berth-reconcile", values);
  if (!client.ok) return complain(client.error, 1);
  const knowledge = new Knowledge({ client: client.value, clock: systemClock, log: () => undefined });
  try {
    const synced = await knowledge.whenSynced(SYNC);
    if (!synced.ok) return failed(synced.error);
    const found = values.once
      ? await repair(client.value, knowledge, grace)
      : await look(client.value, knowledge);
    if (!found.ok) return failed(found.error);
    const style = { colours: colourful(), headers: !values["no-headers"] };
    toStdout(await renderListing(found.records, LISTING, output, style));
    for (const { message } of found.remarks) toStderr(`berth reconcile: ${message}\n`);
    return found.records.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  } finally {
    await knowledge.stop();
    client.value.close();
  }
}

type Found =
  | { readonly ok: true; readonly records: readonly CaseRecord[]; readonly remarks: readonly Remark[] }
  | { readonly ok: false; readonly error: ApiError };

/** One look, at watch and API server; what a second look would say is not known. */
async function look(client: KubeClient, knowledge: Knowledge): Promise<Found> {
  const { cases, remarks } = survey(knowledge, systemClock.now());
  const confirmation = new Confirmation(client);
  const records: CaseRecord[] = [];
  for (const one of cases) {
    const gone = one.kind === "stranded" ? await confirmation.isGone(one) : undefined;
    if (gone && !gone.ok) return gone;
    if (gone?.value !== false) records.push(caseRecord(one, "would"));
  }
  return { ok: true, records, remarks };
}

async function repair(client: KubeClient, knowledge: Knowledge, grace: number): Promise<Found> {
  const pass = await mend(client, knowledge, grace);
  if (pass.error) return { ok: false, error: pass.error };
  const tried = new Set(pass.results.map(({ one }) => one.key));
  const waiting = pass.survey.cases.filter(({ key }) => !tried.has(key));
  const records = [
    ...pass.results.map(({ one, mended }) => caseRecord(one, mended.kind)),
    ...waiting.map((one) => caseRecord(one, "waiting")),
  ];
  return { ok: true, records, remarks: pass.survey.remarks };
}

function failed({ message, hint }: ApiError): number {
  return complain(`${message} (${hint})`, 1);
}

function complain(why: string, exit: number): number {
  toStderr(`berth reconcile: ${why}\n`);
  return exit;
}
