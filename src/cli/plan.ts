import { parseArgs } from "node:util";
import { type Capacity, capacityOf } from "../inspect/capacity.ts";
import {
  colourful,
  type Listing,
  OUTPUT_HELP,
  OUTPUT_OPTIONS,
  readOutput,
  renderListing,
  short,
} from "./output.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth plan RANGE... [--slice /LENGTH] [--pods-per-node N] [-o FORMAT]

How many addresses, slices, nodes and pods fit into ranges such as 10.0.0.0/16, 10.0.0.10-10.0.0.99/24 or fd00::/64.
Nothing is read or changed.

  --slice /LENGTH      each node gets blocks of this size (node_slice_size)
  --pods-per-node N    each node runs so many pods
${OUTPUT_HELP}
Examples:
  berth plan 10.0.0.0/16                            so many pods
  berth plan 10.0.0.0/16 --slice /27 --pods-per-node 20

Exit codes: 0 done; 1 a range or a slice cannot be right; 2 wrong usage.
`;

const OPTIONS = {
  ...OUTPUT_OPTIONS,
  slice: { type: "string" },
  "pods-per-node": { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** Counts as texts, as everywhere in JSON. */
type Row = { readonly [K in keyof Capacity]: string };

const LISTING: Listing<Row> = {
  empty: "",
  columns: [
    { title: "RANGE", cell: ({ range }) => range },
    { title: "ADDRESSES", cell: ({ addresses }) => short(addresses) },
    { title: "SLICES", cell: ({ slices = "" }) => short(slices) },
    { title: "PER-SLICE", cell: ({ addressesPerSlice = "" }) => short(addressesPerSlice) },
    { title: "SLICES-PER-NODE", cell: ({ slicesPerNode = "" }) => slicesPerNode },
    { title: "NODES", cell: ({ nodes = "" }) => short(nodes) },
    { title: "PODS", cell: ({ pods }) => short(pods) },
  ],
};

/** `berth plan RANGE...`: what fits. */
export async function runPlan(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  const slice = readCount(values.slice?.replace(/^\//, ""), "--slice", "a prefix length such as /27");
  const podsPerNode = readCount(values["pods-per-node"], "--pods-per-node", "a number from 1");
  if (slice === false || podsPerNode === false) return 2;
  if (positionals.length === 0) {
    toStderr(`berth plan: name a range such as 10.0.0.0/16\n\n${HELP}`);
    return 2;
  }
  const rows: Row[] = [];
  for (const range of positionals) {
    const wish = { ...(slice !== undefined && { slice }), ...(podsPerNode !== undefined && { podsPerNode }) };
    const capacity = capacityOf(range, wish);
    if (!capacity.ok) {
      toStderr(`berth plan: ${capacity.error}\n`);
      return 1;
    }
    rows.push(asTexts(capacity.value));
  }
  const style = { colours: colourful(), headers: !values["no-headers"] };
  toStdout(await renderListing(rows, LISTING, output, style));
  return 0;
}

/** `false`, with the complaint written, if the text is no whole number from 1. */
function readCount(text: string | undefined, option: string, wanted: string): number | undefined | false {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^[0-9]{1,9}$/.test(text) && number > 0) return number;
  toStderr(`berth plan: ${option} is ${wanted}, not ${JSON.stringify(text)}\n`);
  return false;
}

function asTexts({ range, addresses, pods, slices, addressesPerSlice, slicesPerNode, nodes }: Capacity): Row {
  return {
    range,
    addresses: String(addresses),
    ...(slices !== undefined && { slices: String(slices) }),
    ...(addressesPerSlice !== undefined && { addressesPerSlice: String(addressesPerSlice) }),
    ...(slicesPerNode !== undefined && { slicesPerNode: String(slicesPerNode) }),
    ...(nodes !== undefined && { nodes: String(nodes) }),
    pods: String(pods),
  };
}
