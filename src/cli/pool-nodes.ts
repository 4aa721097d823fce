import type { KubeClient } from "../kube/api.ts";
import { listAll } from "../kube/list.ts";
import { IP_POOLS, NODE_SLICE_POOLS } from "../kube/objects.ts";
import { readSlicePool } from "../store/kubernetes/slices/slice-pools.ts";
import { sliceUses } from "../store/kubernetes/slices/usage.ts";
import { openCluster } from "./cluster.ts";
import { colourful, type Listing, readOutput, renderListing } from "./output.ts";
import type { SourceOptions } from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

type Row = {
  readonly network: string;
  readonly range: string;
  readonly node: string;
  readonly slices: string;
  readonly used: string;
  readonly free: string;
};

const LISTING: Listing<Row> = {
  empty: "No node has a slice.",
  columns: [
    { title: "NETWORK", cell: ({ network }) => network },
    { title: "RANGE", cell: ({ range }) => range },
    { title: "NODE", cell: ({ node }) => node },
    { title: "SLICES", cell: ({ slices }) => slices },
    { title: "USED", cell: ({ used }) => used },
    { title: "FREE", cell: ({ free }) => free },
  ],
};

type Options = SourceOptions & { readonly output: string; readonly "no-headers": boolean };

/** `berth pools --nodes`: which node has which slices, and how full they are; the exit code. */
export async function runPoolNodes(options: Options): Promise<number> {
  const output = readOutput(options.output);
  if (output === undefined) return 2;
  if (options.database !== undefined) {
    toStderr("berth pools --nodes: slices are a matter of clusters, not of --database\n");
    return 2;
  }
  const client = openCluster("berth", options);
  if (!client.ok) {
    toStderr(`berth pools: ${client.error}\n`);
    return 1;
  }
  const rows = await readRows(client.value);
  client.value.close();
  if (typeof rows === "string") {
    toStderr(`berth pools: ${rows}\n`);
    return 1;
  }
  const style = { colours: colourful(), headers: !options["no-headers"] };
  toStdout(await renderListing(rows, LISTING, output, style));
  return 0;
}

async function readRows(client: KubeClient): Promise<readonly Row[] | string> {
  const { namespace } = client;
  const [slicePools, ipPools] = await Promise.all([
    listAll(client, NODE_SLICE_POOLS, { namespace }),
    listAll(client, IP_POOLS, { namespace }),
  ]);
  if (!slicePools.ok) return `${slicePools.error.message} (${slicePools.error.hint})`;
  if (!ipPools.ok) return `${ipPools.error.message} (${ipPools.error.hint})`;
  const held = new Map(
    ipPools.value.items.map(({ metadata, spec }) => [
      metadata.name,
      Object.keys(spec.allocations ?? {}).length,
    ]),
  );
  const pools = slicePools.value.items.flatMap((object) => readSlicePool(object) ?? []);
  return sliceUses(pools, (name) => held.get(name) ?? 0).map(
    ({ network, range, node, slices, total, used }) => ({
      network,
      range,
      node,
      slices: slices.join(" "),
      used: String(used),
      free: String(total - used),
    }),
  );
}
