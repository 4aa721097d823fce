import { parseArgs } from "node:util";
import { type Finding, findingsOf } from "../inspect/findings.ts";
import { knownNetworks, NETWORK_HELP, NETWORK_OPTIONS } from "./networks.ts";
import { colourful, type Listing, OUTPUT_HELP, OUTPUT_OPTIONS, readOutput, renderListing } from "./output.ts";
import { openSource, SOURCE_HELP, SOURCE_OPTIONS, storeFailed } from "./source.ts";

const HELP = `usage: berth check [OPTIONS]

Looks for what is inconsistent or about to be: addresses held twice, outside their pool, excluded or the gateway; what an
earlier sandbox left behind; reservations that have ended; pools that are full. Changes nothing.

${SOURCE_HELP}${NETWORK_HELP}${OUTPUT_HELP}
Exit codes: 0 nothing or warnings only; 1 errors were found, or it cannot be looked; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...NETWORK_OPTIONS,
  ...OUTPUT_OPTIONS,
  help: { type: "boolean", default: false },
} as const;

const LISTING: Listing<Finding> = {
  empty: "Nothing was found.",
  columns: [
    {
      title: "SEVERITY",
      cell: ({ severity }) => severity,
      colour: ({ severity }) => (severity === "error" ? "red" : "yellow"),
    },
    { title: "SUBJECT", cell: ({ subject }) => subject },
    { title: "CODE", cell: ({ code }) => code, wide: true },
    { title: "WHAT", cell: ({ message }) => message },
    { title: "WHAT TO DO", cell: ({ hint }) => hint },
  ],
};

/** `berth check`: what is inconsistent. */
export async function runCheck(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  const networks = await knownNetworks(values.networks, values);
  if (!networks.ok) {
    process.stderr.write(`berth check: ${networks.error}\n`);
    return 1;
  }
  const store = openSource(values, "look");
  if (!store.ok) return storeFailed(store.error);
  const claims = await store.value.claims({});
  const pools = await store.value.pools();
  store.value.close();
  if (!claims.ok) return storeFailed(claims.error);
  if (!pools.ok) return storeFailed(pools.error);
  const found = findingsOf({
    claims: claims.value,
    pools: pools.value,
    networks: networks.value,
    now: Date.now(),
  });
  const style = { colours: colourful(), headers: !values["no-headers"] };
  process.stdout.write(await renderListing(found, LISTING, output, style));
  return found.some(({ severity }) => severity === "error") ? 1 : 0;
}
