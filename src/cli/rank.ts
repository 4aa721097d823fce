import { parseArgs } from "node:util";
import type { Claim } from "../allocation/claim.ts";
import { poolSpace } from "../allocation/pool.ts";
import { reservationOf } from "../allocation/reservation.ts";
import { type PoolRecord, poolRecord } from "../inspect/records.ts";
import { formatCidr } from "../ip/cidr.ts";
import { ok } from "../result.ts";
import { fillColour } from "./colour.ts";
import { LIST_EXITS, LIST_HELP, LIST_OPTIONS, mapped, showRecords } from "./look.ts";
import { ageOf, type Listing, printHelp, short } from "./output.ts";
import { toStderr } from "./stdio.ts";

const NODES_HELP = `usage: berth nodes [OPTIONS]

How many addresses, pods, pools and slices each node has. berth pools --nodes shows each slice, and how full it is.

${LIST_HELP}
${LIST_EXITS}`;

const TOP_HELP = `usage: berth top [pools|nodes|namespaces|pods|networks] [OPTIONS]

The fullest pools, or who holds the most addresses.

  -n, --limit N        so many lines                       20
${LIST_HELP}
Examples:
  berth top                               the pools that need room first
  berth top namespaces -n 5               who takes it

${LIST_EXITS}`;

/** How many addresses somebody holds. */
export type Share = {
  readonly name: string;
  readonly addresses: number;
  readonly pods: number;
  readonly pools: number;
  /** When the oldest and the newest of them were given out, ISO 8601. */
  readonly oldest: string;
  readonly newest: string;
};

const SHARES = (title: string): Listing<Share> => ({
  empty: "No address is held.",
  columns: [
    { title, cell: ({ name }) => name },
    { title: "ADDRESSES", cell: ({ addresses }) => String(addresses) },
    { title: "PODS", cell: ({ pods }) => String(pods) },
    { title: "POOLS", cell: ({ pools }) => String(pools) },
    { title: "OLDEST", cell: ({ oldest }) => ageOf(oldest, Date.now()) },
    { title: "NEWEST", cell: ({ newest }) => ageOf(newest, Date.now()) },
  ],
});

const FULLEST: Listing<PoolRecord> = {
  empty: "No pool has been used yet.",
  columns: [
    { title: "NETWORK", cell: ({ network }) => network },
    { title: "RANGE", cell: ({ range }) => range },
    { title: "FULL", cell: ({ full }) => full },
    {
      title: "",
      cell: ({ full }) => bar(Number.parseFloat(full)),
      colour: ({ full }) => fillColour(Number.parseFloat(full)),
    },
    { title: "USED", cell: ({ used }) => used },
    { title: "FREE", cell: ({ free }) => short(free) },
  ],
};

/** What a node holds, and what it has been given to hand out by itself. */
type NodeShare = Share & { readonly slices?: string; readonly sliceAddresses?: string };

const NODE_SHARES: Listing<NodeShare> = {
  ...SHARES("NODE"),
  columns: [
    ...SHARES("NODE").columns,
    { title: "SLICES", cell: ({ slices = "" }) => slices, optional: true },
    { title: "IN-SLICES", cell: ({ sliceAddresses = "" }) => short(sliceAddresses), optional: true },
  ],
};

/** `berth nodes`: what each node holds, and its slices where there are any. */
export async function runNodes(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: LIST_OPTIONS });
  if (values.help) return printHelp(NODES_HELP);
  return showRecords(values, NODE_SHARES, async (store) => {
    const claims = await store.claims({});
    if (!claims.ok) return claims;
    const uses = (await store.slices?.()) ?? ok([]);
    if (!uses.ok) return uses;
    // Where the installed CRD keeps no node, the slice that a record lies in says it.
    const owners = new Map(
      uses.value.flatMap(({ node, slices }) => slices.map((slice) => [`${slice} ${node}`, node] as const)),
    );
    const ownerOf = ({ networkName, range }: Claim["pool"]) =>
      [...new Set(owners.values())].find(
        (node) =>
          owners.has(`${formatCidr(range)} ${node}`) &&
          (networkName === node || networkName.endsWith(`-${node}`)),
      );
    const nodeOf = ({ node, pool }: Claim) => (node === "" ? (ownerOf(pool) ?? "") : node);
    const shares = sharesOf(claims.value, nodeOf);
    const known = new Set(shares.map(({ name }) => name));
    const others = [...new Set(uses.value.map(({ node }) => node))].filter((node) => !known.has(node));
    const none = { addresses: 0, pods: 0, pools: 0, oldest: "", newest: "" };
    return ok(
      [...shares, ...others.map((name) => ({ name, ...none }))].map((share) => {
        const own = uses.value.filter(({ node }) => node === share.name);
        if (own.length === 0) return share;
        const slices = own.reduce((sum, use) => sum + use.slices.length, 0);
        const addresses = own.reduce((sum, { total }) => sum + total, 0n);
        return { ...share, slices: String(slices), sliceAddresses: String(addresses) };
      }),
    );
  });
}

/** What `berth top` counts, and by which name of a claim. */
const SUBJECTS: Record<string, (claim: Claim) => string> = {
  nodes: ({ node }) => node,
  namespaces: ({ owner }) => owner.pod.namespace,
  pods: ({ owner }) => `${owner.pod.namespace}/${owner.pod.name}`,
  networks: ({ network }) => network,
};

/** `berth top [pools|nodes|namespaces|pods|networks]`: the fullest pools, or who holds the most. */
export async function runTop(args: string[]): Promise<number> {
  const options = { ...LIST_OPTIONS, limit: { type: "string", short: "n", default: "20" } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) return printHelp(TOP_HELP);
  const [subject = "pools"] = positionals;
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    toStderr(`berth: --limit is a number from 1, not ${JSON.stringify(values.limit)}\n`);
    return 2;
  }
  if (subject === "pools") {
    return showRecords(values, FULLEST, async (store) => {
      const pools = mapped(await store.pools(), poolRecord);
      if (!pools.ok) return pools;
      const fullest = pools.value.toSorted((a, b) => Number.parseFloat(b.full) - Number.parseFloat(a.full));
      return ok(fullest.slice(0, limit));
    });
  }
  const nameOf = Object.hasOwn(SUBJECTS, subject) ? SUBJECTS[subject] : undefined;
  if (nameOf === undefined) {
    const known = ["pools", ...Object.keys(SUBJECTS)].join(", ");
    toStderr(`berth: top counts ${known}, not ${JSON.stringify(subject)}\n`);
    return 2;
  }
  return showRecords(values, SHARES(subject.slice(0, -1).toUpperCase()), async (store) => {
    const claims = await store.claims({});
    if (!claims.ok) return claims;
    const shares = sharesOf(claims.value, nameOf).toSorted((a, b) => b.addresses - a.addresses);
    return ok(shares.slice(0, limit));
  });
}

/** Claims of pods counted by a name, in the order of the names. Reservations belong to nobody's share. */
export function sharesOf(claims: readonly Claim[], nameOf: (claim: Claim) => string): Share[] {
  const groups = Map.groupBy(
    claims.filter((claim) => reservationOf(claim) === undefined),
    nameOf,
  );
  const shares = [...groups].map(([name, held]): Share => {
    const times = held.map(({ since }) => since).sort((a, b) => a - b);
    const iso = (time = 0) => new Date(time).toISOString();
    return {
      name,
      addresses: held.length,
      pods: new Set(held.map(({ owner }) => `${owner.pod.namespace}/${owner.pod.name}`)).size,
      pools: new Set(held.map(({ pool }) => poolSpace(pool))).size,
      oldest: iso(times[0]),
      newest: iso(times.at(-1)),
    };
  });
  return shares.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const BAR = 24;

function bar(percent: number): string {
  const filled = Math.min(BAR, Math.ceil((percent / 100) * BAR));
  return "█".repeat(filled) + "░".repeat(BAR - filled);
}
