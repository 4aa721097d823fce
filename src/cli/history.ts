import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { historyPath, readHistory } from "../agent/history.ts";
import { DEFAULT_STATE_DIR } from "../agent/paths.ts";
import { systemClock } from "../clock.ts";
import type { StoreChoice } from "../config/index.ts";
import { type Holding, holdingOf, mergeHoldings, wasHeldAt } from "../inspect/holding.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { readShards } from "../reconciler/history/shards.ts";
import { err, ok, type Result } from "../result.ts";
import { openCluster } from "../store/kubernetes/cluster.ts";
import { filterOf } from "./look.ts";
import { colourful, type Listing, OUTPUT_HELP, OUTPUT_OPTIONS, readOutput, renderListing } from "./output.ts";
import { chosenSource, describeFailure, openSource, SOURCE_HELP, SOURCE_OPTIONS } from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth history ADDRESS|POD [OPTIONS]

Who held an address when, or what a pod (NAME or NAMESPACE/NAME) held when, newest first, for 90 days. Asks all that know: what the
agent of this node took down, and in a cluster what the reconciler took down of all nodes and what is held now.

  --at TIME            only what was held at that time, such as 2030-01-31T14:02:00Z
  --state-dir DIR      only what the agent took down here  ${DEFAULT_STATE_DIR}
${SOURCE_HELP}${OUTPUT_HELP}
Examples:
  berth history 10.0.0.7                            everybody who held it
  berth history 10.0.0.7 --at 2030-01-31T14:02Z     who held it then
  berth history shop/web-0                          what a pod held

Exit codes: 0 done; 1 there is no history, or it cannot be read; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...OUTPUT_OPTIONS,
  at: { type: "string" },
  "state-dir": { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** How far back people are told, in milliseconds. */
const AGE = 90 * 86_400_000;

const LISTING = (empty: string): Listing<Holding> => ({
  empty,
  columns: [
    { title: "ADDRESS", cell: ({ address }) => address },
    {
      title: "HELD BY",
      cell: ({ pod }) => pod,
      colour: ({ until }) => (until === undefined ? "green" : undefined),
    },
    { title: "INTERFACE", cell: (holding) => holding.interface },
    { title: "FROM", cell: ({ from }) => from },
    { title: "UNTIL", cell: ({ until = "now" }) => until },
    { title: "NODE", cell: ({ node }) => node },
    { title: "POOL", cell: ({ pool }) => pool },
    { title: "NETWORK-NAME", cell: ({ networkName }) => networkName, wide: true },
    { title: "UID", cell: ({ uid = "" }) => uid, wide: true },
    { title: "SANDBOX", cell: ({ sandbox }) => sandbox, wide: true },
  ],
});

/** `berth history`: who held an address when. */
export async function runHistory(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [subject] = positionals;
  if (values.help || subject === undefined) {
    (values.help ? toStdout : toStderr)(HELP);
    return values.help ? 0 : 2;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  const at = values.at === undefined ? undefined : Date.parse(values.at);
  if (at !== undefined && Number.isNaN(at)) {
    const text = JSON.stringify(values.at);
    return complain(`--at is a time such as 2030-01-31T14:02:00Z, not ${text}`, 2);
  }
  const only = values["state-dir"];
  const choice = only === undefined ? chosenSource(values) : undefined;
  const { found, failures } = await gather(subject, only ?? DEFAULT_STATE_DIR, choice);
  for (const failure of failures) complain(failure, 1);
  if (found === undefined) return 1;
  const now = Date.now();
  const wanted = mergeHoldings(found).filter(
    (holding) =>
      (at === undefined || wasHeldAt(holding, at)) &&
      (holding.until === undefined || Date.parse(holding.until) > now - AGE),
  );
  const empty = `Nothing is known of ${subject}${values.at === undefined ? "" : ` at ${values.at}`}.`;
  const style = { colours: colourful(), headers: !values["no-headers"] };
  toStdout(await renderListing(wanted, LISTING(empty), output, style));
  return 0;
}

/** What all sources know, and which of them could not be asked; `found` is undefined if none could. */
async function gather(
  subject: string,
  stateDir: string,
  choice: StoreChoice | undefined,
): Promise<{ readonly found: readonly Holding[] | undefined; readonly failures: readonly string[] }> {
  const path = historyPath(stateDir);
  const isCluster = choice?.kind === "kubernetes";
  if (!isCluster && !existsSync(path)) {
    return { found: undefined, failures: [`${path}: there is no history; the agent of this node keeps it`] };
  }
  const sources: Result<readonly Holding[], string>[] = [];
  if (existsSync(path)) sources.push(ofNode(path, subject));
  if (isCluster) sources.push(await ofCluster(choice, subject), await ofNow(choice, subject));
  const found = sources.flatMap((source) => (source.ok ? source.value : []));
  const failures = sources.flatMap((source) => (source.ok ? [] : [source.error]));
  return { found: failures.length === sources.length ? undefined : found, failures };
}

function ofNode(path: string, subject: string): Result<readonly Holding[], string> {
  try {
    return ok(readHistory(path, queryOf(subject)));
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the reconciler has taken down of holdings that have ended. */
async function ofCluster(
  choice: StoreChoice & { kind: "kubernetes" },
  subject: string,
): Promise<Result<readonly Holding[], string>> {
  const client = openCluster(choice, systemClock);
  if (!client.ok) return err(describeFailure(client.error));
  const shards = await readShards(client.value);
  client.value.close();
  if (!shards.ok) {
    const { message, hint } = shards.error;
    return err(`what the reconciler took down cannot be read: ${message} (${hint})`);
  }
  const { address, pod } = queryOf(subject);
  const text = address && formatAddress(address);
  const all = shards.value.flatMap(({ holdings }) => holdings);
  return ok(all.filter((holding) => (text === undefined ? holding.pod === pod : holding.address === text)));
}

/** What is held now. */
async function ofNow(choice: StoreChoice, subject: string): Promise<Result<readonly Holding[], string>> {
  const source = choice.kind === "sqlite" ? { database: choice.path } : choice;
  const store = openSource(source, "look");
  if (!store.ok) return err(describeFailure(store.error));
  const claims = await store.value.claims(filterOf(subject));
  store.value.close();
  return claims.ok ? ok(claims.value.map((claim) => holdingOf(claim))) : err(describeFailure(claims.error));
}

function queryOf(subject: string): { readonly address?: Address; readonly pod?: string } {
  const address = parseAddress(subject, "sloppy");
  if (address.ok) return { address: address.value };
  return { pod: subject.includes("/") ? subject : `default/${subject}` };
}

function complain(why: string, exit: number): number {
  toStderr(`berth history: ${why}\n`);
  return exit;
}
