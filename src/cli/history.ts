import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { historyPath, readHistory } from "../agent/history.ts";
import { DEFAULT_STATE_DIR } from "../agent/paths.ts";
import type { Holding } from "../inspect/holding.ts";
import { parseAddress } from "../ip/address.ts";
import { colourful, type Listing, OUTPUT_HELP, OUTPUT_OPTIONS, readOutput, renderListing } from "./output.ts";

const HELP = `usage: berth history ADDRESS|POD [OPTIONS]

Who held an address when, or what a pod (NAME or NAMESPACE/NAME) held when, newest first: as the agent of this node took it
down, for 90 days.

  --at TIME            only what was held at that time, such as 2030-01-31T14:02:00Z
  --state-dir DIR      where the agent keeps it            ${DEFAULT_STATE_DIR}
${OUTPUT_HELP}
Exit codes: 0 done; 1 there is no history, or it cannot be read; 2 wrong usage.
`;

const OPTIONS = {
  ...OUTPUT_OPTIONS,
  at: { type: "string" },
  "state-dir": { type: "string", default: DEFAULT_STATE_DIR },
  help: { type: "boolean", default: false },
} as const;

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
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  const at = values.at === undefined ? undefined : Date.parse(values.at);
  if (at !== undefined && Number.isNaN(at)) {
    process.stderr.write(
      `berth history: --at is a time such as 2030-01-31T14:02:00Z, not ${JSON.stringify(values.at)}\n`,
    );
    return 2;
  }
  const path = historyPath(values["state-dir"]);
  if (!existsSync(path)) {
    process.stderr.write(`berth history: ${path}: there is no history; the agent of this node keeps it\n`);
    return 1;
  }
  const address = parseAddress(subject, "sloppy");
  const pod = subject.includes("/") ? subject : `default/${subject}`;
  const query = { ...(address.ok ? { address: address.value } : { pod }), ...(at !== undefined && { at }) };
  try {
    const found = readHistory(path, query);
    const empty = `Nothing is known of ${subject}${values.at === undefined ? "" : ` at ${values.at}`}.`;
    const style = { colours: colourful(), headers: !values["no-headers"] };
    process.stdout.write(await renderListing(found, LISTING(empty), output, style));
    return 0;
  } catch (error) {
    process.stderr.write(
      `berth history: ${path}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return 1;
  }
}
