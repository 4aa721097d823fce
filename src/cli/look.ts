import { parseArgs } from "node:util";
import { type ClaimRecord, claimRecord, type PoolRecord, poolRecord } from "../inspect/records.ts";
import { parseAddress } from "../ip/address.ts";
import type { Result } from "../result.ts";
import type { ClaimFilter, Store, StoreError } from "../store/store.ts";
import { fillColour } from "./colour.ts";
import {
  ageOf,
  colourful,
  type Listing,
  OUTPUT_HELP,
  OUTPUT_OPTIONS,
  printHelp,
  readOutput,
  renderListing,
  short,
} from "./output.ts";
import { openSource, SOURCE_HELP, SOURCE_OPTIONS, type SourceOptions, storeFailed } from "./source.ts";
import { showPage, WATCH_HELP, WATCH_OPTIONS } from "./watch.ts";

/** Every list of what a store holds takes these. */
export const LIST_OPTIONS = {
  ...SOURCE_OPTIONS,
  ...OUTPUT_OPTIONS,
  ...WATCH_OPTIONS,
  help: { type: "boolean", default: false },
} as const;

export const LIST_HELP = `${SOURCE_HELP}${OUTPUT_HELP}${WATCH_HELP}`;
export const LIST_EXITS = "Exit codes: 0 done; 1 the store cannot be read, with the reason; 2 wrong usage.\n";

const POOLS_HELP = `usage: berth pools [OPTIONS]

How full each pool is. A pool is made by the first pod of a network.

  --nodes              the slices of each node instead, and how full they are (Fast IPAM)
${LIST_HELP}
Examples:
  berth pools --watch                     follow a roll-out
  berth pools -o json | jq '.[] | select(.free == "0")'

${LIST_EXITS}`;

const SHOW_HELP = `usage: berth show [ADDRESS|[NAMESPACE/]POD] [OPTIONS]

Who holds which address, since when: one address, all that a pod holds, or everything.

  --node NODE          only what pods of this node hold
  --pool RANGE         only addresses of this pool
  --network-name NAME  only of networks with this network_name
  --reserved           only what people have reserved
${LIST_HELP}
Examples:
  berth show 10.0.0.7                     who has it
  berth show shop/web-0                   what the pod has
  berth show --node node-a -o wide        with uid and sandbox

${LIST_EXITS}`;
const CLAIM_OPTIONS = {
  ...LIST_OPTIONS,
  node: { type: "string" },
  pool: { type: "string" },
  "network-name": { type: "string" },
  reserved: { type: "boolean", default: false },
} as const;

const POOLS: Listing<PoolRecord> = {
  empty: "No pool has been used yet.",
  columns: [
    { title: "NETWORK", cell: ({ network }) => network },
    { title: "RANGE", cell: ({ range }) => range },
    { title: "TOTAL", cell: ({ total }) => short(total) },
    { title: "USED", cell: ({ used }) => used },
    { title: "FREE", cell: ({ free }) => short(free) },
    { title: "FULL", cell: ({ full }) => full, colour: ({ full }) => fillColour(Number.parseFloat(full)) },
  ],
};

const CLAIMS = (empty: string): Listing<ClaimRecord> => ({
  empty,
  columns: [
    { title: "ADDRESS", cell: ({ address }) => address },
    { title: "POD", cell: holder, colour: ({ reserved }) => (reserved ? "cyan" : undefined) },
    { title: "INTERFACE", cell: (claim) => claim.interface },
    { title: "NETWORK", cell: ({ network }) => network },
    { title: "POOL", cell: ({ pool }) => pool },
    { title: "NETWORK-NAME", cell: ({ networkName }) => networkName, wide: true },
    { title: "NODE", cell: ({ node }) => node },
    { title: "AGE", cell: ({ since }) => ageOf(since, Date.now()) },
    { title: "SINCE", cell: ({ since }) => since, wide: true },
    { title: "UID", cell: ({ uid = "" }) => uid, wide: true },
    { title: "SANDBOX", cell: ({ sandbox }) => sandbox.slice(0, 13) },
  ],
});

/** `berth pools`: how full each pool is. */
export async function runPools(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { ...LIST_OPTIONS, nodes: { type: "boolean", default: false } },
  });
  if (values.help) return printHelp(POOLS_HELP);
  if (values.nodes) return (await import("./pool-nodes.ts")).runPoolNodes(values);
  return showRecords(values, POOLS, async (store) => mapped(await store.pools(), poolRecord));
}

/** `berth show [ADDRESS|POD]`: who holds which address. */
export async function runShow(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: CLAIM_OPTIONS, allowPositionals: true });
  if (values.help) return printHelp(SHOW_HELP);
  const [subject] = positionals;
  const empty =
    subject === undefined ? "No address is held." : `${subject} holds nothing and is held by nobody.`;
  const wanted = (claim: ClaimRecord) =>
    (values.node === undefined || claim.node === values.node) &&
    (values.pool === undefined || claim.pool === values.pool) &&
    (values["network-name"] === undefined || claim.networkName === values["network-name"]) &&
    (!values.reserved || claim.reserved !== undefined);
  return showRecords(values, CLAIMS(empty), async (store) => {
    const records = mapped(await store.claims(filterOf(subject)), claimRecord);
    return records.ok ? { ok: true, value: records.value.filter(wanted) } : records;
  });
}

type ListOptions = SourceOptions & {
  readonly output: string;
  readonly "no-headers": boolean;
  readonly watch: boolean;
};

/** Reads records from the store that is meant and shows them; the exit code. */
export async function showRecords<T extends object>(
  options: ListOptions,
  listing: Listing<T>,
  read: (store: Store) => Promise<Result<readonly T[], StoreError>>,
): Promise<number> {
  const output = readOutput(options.output);
  if (output === undefined) return 2;
  const store = openSource(options, "look", options.watch);
  if (!store.ok) return storeFailed(store.error);
  const style = { colours: colourful(), headers: !options["no-headers"] };
  const page = async () => {
    const records = await read(store.value);
    return records.ok ? renderListing(records.value, listing, output, style) : storeFailed(records.error);
  };
  const revision = async () => {
    const text = await store.value.revision?.();
    return text?.ok ? text.value : undefined;
  };
  const code = await showPage(page, options.watch, revision);
  store.value.close();
  return code;
}

export function mapped<T, U>(
  result: Result<readonly T[], StoreError>,
  map: (item: T) => U,
): Result<readonly U[], StoreError> {
  return result.ok ? { ok: true, value: result.value.map(map) } : result;
}

/** An address, `namespace/pod`, or a pod of namespace default. */
export function filterOf(subject: string | undefined): ClaimFilter {
  if (subject === undefined) return {};
  const address = parseAddress(subject, "sloppy");
  if (address.ok) return { address: address.value };
  const slash = subject.indexOf("/");
  const namespace = slash < 0 ? "default" : subject.slice(0, slash);
  return { pod: { namespace, name: subject.slice(slash + 1) } };
}

function holder({ pod, reserved }: ClaimRecord): string {
  if (!reserved) return pod;
  const until = reserved.until === undefined ? "" : `, until ${reserved.until}`;
  return `reserved by ${reserved.by}: ${reserved.reason}${until}`;
}
