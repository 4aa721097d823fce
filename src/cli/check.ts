import { parseArgs } from "node:util";
import type { StoreChoice } from "../config/index.ts";
import { findingsOf } from "../inspect/findings.ts";
import { err, ok, type Result } from "../result.ts";
import { type ClusterCheck, checkCluster } from "./check-cluster.ts";
import { openCluster } from "./cluster.ts";
import { readDuration } from "./duration.ts";
import { findingsListing } from "./findings.ts";
import { knownNetworks, NETWORK_HELP, NETWORK_OPTIONS } from "./networks.ts";
import { colourful, OUTPUT_HELP, OUTPUT_OPTIONS, readOutput, renderListing } from "./output.ts";
import {
  chosenSource,
  describeFailure,
  openSource,
  SOURCE_HELP,
  SOURCE_OPTIONS,
  type SourceOptions,
} from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = (name: string) => `usage: berth ${name} [OPTIONS]

Looks for what is inconsistent or about to be: addresses held twice, outside their pool, excluded or the gateway; what an
earlier sandbox left behind; reservations that have ended; pools that are full. In a cluster also: what pods that are gone left behind, reservations without
allocation and allocations without, objects and slices that mean nothing. import says besides what there is that
Berth takes over from whereabouts; nothing needs to be converted. Changes nothing unless told to.

  --repair             mends what berth reconcile would: says what, and with --yes does it
  --yes                does it
  --grace DURATION     between the two looks of a repair     60s

${SOURCE_HELP}${NETWORK_HELP}${OUTPUT_HELP}
Examples:
  berth check -o json | jq '.[] | select(.severity == "error")'
  berth check --repair --yes              free what pods that are gone have left in a cluster

Exit codes: 0 nothing or warnings only; 1 errors were found, or it cannot be looked; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...NETWORK_OPTIONS,
  ...OUTPUT_OPTIONS,
  repair: { type: "boolean", default: false },
  yes: { type: "boolean", default: false },
  grace: { type: "string", default: "60s" },
  help: { type: "boolean", default: false },
} as const;

/** `berth check`: what is inconsistent. `berth import`: the same, and what there is. */
export async function runCheck(args: string[], isImport = false): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    toStdout(HELP(isImport ? "import" : "check"));
    return 0;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  const networks = await knownNetworks(values.networks, values);
  if (!networks.ok) {
    return complain(networks.error, 1);
  }
  const choice = chosenSource(values);
  const looked =
    choice.kind === "kubernetes"
      ? await lookAtCluster(choice, values, isImport)
      : await lookAtHost(values, isImport);
  if (!looked.ok) return complain(looked.error, 1);
  const { claims, pools, findings } = looked.value;
  const found = [...findingsOf({ claims, pools, networks: networks.value, now: Date.now() }), ...findings];
  const style = { colours: colourful(), headers: !values["no-headers"] };
  toStdout(await renderListing(found, findingsListing("Nothing was found."), output, style));
  return found.some(({ severity }) => severity === "error") ? 1 : 0;
}

type ClusterOptions = SourceOptions & {
  readonly repair: boolean;
  readonly yes: boolean;
  readonly grace: string;
};

/** What there is to look at, and findings that need more than the claims. */
type Looked = Pick<ClusterCheck, "claims" | "pools" | "findings">;

async function lookAtHost(options: ClusterOptions, isImport: boolean): Promise<Result<Looked, string>> {
  if (options.repair || isImport) return err("there is nothing to import or repair on a host's database");
  const store = openSource(options, "look");
  if (!store.ok) return err(describeFailure(store.error));
  const claims = await store.value.claims({});
  const pools = await store.value.pools();
  store.value.close();
  if (!claims.ok) return err(describeFailure(claims.error));
  if (!pools.ok) return err(describeFailure(pools.error));
  return ok({ claims: claims.value, pools: pools.value, findings: [] });
}

async function lookAtCluster(
  { kubeconfig, context }: StoreChoice & { kind: "kubernetes" },
  options: ClusterOptions,
  isImport: boolean,
): Promise<Result<Looked, string>> {
  const grace = readDuration(options.grace);
  if (grace === undefined) return err(`--grace: ${JSON.stringify(options.grace)} is no duration such as 60s`);
  const client = openCluster("berth-check", { context, ...(kubeconfig !== "" && { kubeconfig }) });
  if (!client.ok) return client;
  const checked = await checkCluster(client.value, options.repair && options.yes ? grace : undefined);
  client.value.close();
  if (!checked.ok) return err(`${checked.error.message} (${checked.error.hint})`);
  const { counts, mended } = checked.value;
  const say = (text: string) => toStderr(`${text}\n`);
  if (isImport) {
    const { pools, allocations, withUid, reservations, pods } = counts;
    say(
      `${pools} pools, ${allocations} allocations (${withUid} with the uid of their pod), ${reservations} reservations, ${pods} pods`,
    );
    say("All of it is used as it is: agents read and write the objects of whereabouts.");
  }
  for (const { action, address, object, outcome } of mended)
    say(`${action} ${address} ${object}: ${outcome}`);
  if (options.repair && !options.yes)
    say("Nothing was changed: --yes repairs what berth reconcile --dry-run lists.");
  return checked;
}

function complain(why: string, exit: number): number {
  toStderr(`berth check: ${why}\n`);
  return exit;
}
