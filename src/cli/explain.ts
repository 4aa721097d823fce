import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { reservationOf } from "../allocation/reservation.ts";
import {
  explainNetwork,
  formatIntervals,
  type NetworkExplanation,
  type RangeExplanation,
} from "../inspect/explain.ts";
import type { Network } from "../inspect/networks.ts";
import { type ClaimRecord, claimRecord } from "../inspect/records.ts";
import { formatAddress } from "../ip/address.ts";
import type { Store } from "../store/store.ts";
import { filterOf } from "./look.ts";
import { knownNetworks, readNetworkFile } from "./networks.ts";
import { OUTPUT_OPTIONS, readOutput, renderData, short } from "./output.ts";
import { chosenSource, openSource, SOURCE_HELP, SOURCE_OPTIONS, storeFailed } from "./source.ts";

const HELP = `usage: berth explain FILE|NETWORK|POD [OPTIONS]

What a new pod would get from the networks of FILE (a netconf, NetworkAttachmentDefinition or Network, - for standard
input), or in a cluster of NETWORK (an attachment, NAME or NAMESPACE/NAME), and why; or what POD (likewise) holds, and from
which network. Changes nothing.

${SOURCE_HELP}  -o, --output FORMAT  table, json or yaml                 table

Exit codes: 0 done; 1 a new pod would get nothing, or the file or the store cannot be read; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...OUTPUT_OPTIONS,
  help: { type: "boolean", default: false },
} as const;

/** `berth explain`: what would be allocated, and why. */
export async function runExplain(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [subject] = positionals;
  if (values.help || subject === undefined) {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  let networks: readonly Network[] | undefined;
  if (subject === "-" || existsSync(subject)) {
    const file = readNetworkFile(subject);
    if (!file.ok || file.value.networks.length === 0) {
      const why = file.ok
        ? `${file.value.complaints}${subject} has no whereabouts network to explain\n`
        : `${file.error}\n`;
      process.stderr.write(why);
      return 1;
    }
    process.stderr.write(file.value.complaints);
    networks = file.value.networks;
  }
  if (networks === undefined && chosenSource(values).kind === "kubernetes") {
    const label = subject.includes("/") ? subject : `default/${subject}`;
    const known = await knownNetworks(undefined, values);
    if (!known.ok) {
      process.stderr.write(`berth explain: ${known.error}\n`);
      return 1;
    }
    const meant = known.value.filter((network) => network.label === label);
    if (meant.length > 0) networks = meant;
  }
  const store = openSource(values, "look");
  if (!store.ok) return storeFailed(store.error);
  try {
    return networks === undefined
      ? await explainPod(subject, store.value, output)
      : await explainNetworks(networks, store.value, output);
  } finally {
    store.value.close();
  }
}

type Format = NonNullable<ReturnType<typeof readOutput>>;

async function explainNetworks(networks: readonly Network[], store: Store, output: Format): Promise<number> {
  const claims = await store.claims({});
  if (!claims.ok) return storeFailed(claims.error);
  const explained = networks.map((network) => explainNetwork(network, claims.value));
  const text =
    output === "json" || output === "yaml"
      ? await renderData(explained.map(explanationRecord), output)
      : explained.map(renderExplanation).join("\n");
  process.stdout.write(text);
  return explained.some(({ refusal }) => refusal !== undefined) ? 1 : 0;
}

async function explainPod(subject: string, store: Store, output: Format): Promise<number> {
  const claims = await store.claims(filterOf(subject));
  if (!claims.ok) return storeFailed(claims.error);
  const records = claims.value.map(claimRecord);
  if (output === "json" || output === "yaml") process.stdout.write(await renderData(records, output));
  else process.stdout.write(records.length > 0 ? records.map(renderHeld).join("") : noClaims(subject));
  return records.length > 0 ? 0 : 1;
}

function noClaims(subject: string): string {
  return `${subject} is no file here and holds no address.
If its start fails, its events name the reason (kubectl describe pod), as does the log of the agent on its node;
berth explain FILE says what a new pod of a network would get, berth status what the agent of this node answered.
`;
}

function renderHeld(claim: ClaimRecord): string {
  const { address, pod, network, pool, networkName, node, since, sandbox } = claim;
  const realm = networkName === "" ? "" : ` of the network name ${networkName}`;
  return `${address}  ${pod} ${claim.interface}
  from     ${pool}${realm}, asked for by the network ${network}
  since    ${since} on node ${node}
  sandbox  ${sandbox}
  freed    by DEL of this sandbox and interface, or by the reconciler once the pod is proven gone
`;
}

function renderExplanation(network: NetworkExplanation): string {
  const { label, networkName, overlapCheck, ranges, fixed, refusal } = network;
  const realm = networkName === "" ? "the common network name" : `the network name ${networkName}`;
  const shared = overlapCheck
    ? `an address is unique among all ranges of ${realm}`
    : "each range is a realm of its own (enable_overlapping_ranges: false)";
  const lines = [`${label}: ${shared}`, ...ranges.flatMap(rangeLines)];
  if (fixed.length > 0)
    lines.push(`  addresses    ${fixed.join(", ")}, given to every pod and recorded nowhere`);
  if (refusal) lines.push("  A new pod gets nothing: an interface gets an address of each range, or none.");
  return `${lines.join("\n")}\n`;
}

function rangeLines(range: RangeExplanation): string[] {
  const { next, total, free, candidates, gateway, exclude, before, skipped } = range;
  const family = range.range.includes(":") ? 6 : 4;
  const lines = [`  ${range.range}  (${range.path})`];
  const why = skipped === 0n ? "the lowest of all" : `the lowest that is free: ${skipped} before it are held`;
  if (next) lines.push(`    next       ${formatAddress(next)}, ${why}`);
  else
    lines.push(
      free === 0n ? "    next       none: all are held" : "    next       none, since another range has none",
    );
  lines.push(`    free       ${short(free)} of ${short(total)} in ${formatIntervals(family, candidates)}`);
  const never = [
    ...(gateway ? [`${formatAddress(gateway)} (gateway)`] : []),
    ...(exclude.length > 0 ? [`${formatIntervals(family, exclude)} (exclude)`] : []),
    "network and broadcast address",
  ];
  lines.push(`    never      ${never.join(", ")}`);
  for (const claim of before) lines.push(`    held       ${formatAddress(claim.address)} by ${who(claim)}`);
  const more = skipped - BigInt(before.length);
  if (more > 0n) lines.push(`               and ${more} more`);
  return lines;
}

function who(claim: Claim): string {
  const reservation = reservationOf(claim);
  if (reservation) return `a reservation of ${reservation.by}: ${reservation.reason}`;
  return `${podRef(claim.owner.pod)} ${claim.owner.ifname}`;
}

/** Counts as texts, addresses as people write them. */
function explanationRecord({ ranges, refusal, ...network }: NetworkExplanation) {
  return {
    ...network,
    ranges: ranges.map(({ next, total, free, candidates, gateway, exclude, before, skipped, ...range }) => {
      const family = range.range.includes(":") ? 6 : 4;
      return {
        ...range,
        next: next ? formatAddress(next) : null,
        total: String(total),
        free: String(free),
        candidates: formatIntervals(family, candidates),
        gateway: gateway ? formatAddress(gateway) : null,
        exclude: formatIntervals(family, exclude),
        heldBefore: String(skipped),
        before: before.map(claimRecord),
      };
    }),
    refusal: refusal?.code ?? null,
  };
}
