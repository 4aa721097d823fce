import type { Address } from "../ip/address.ts";
import { readAddresses, readDns, readRoutes } from "./entries.ts";
import { Findings } from "./findings.ts";
import { type Merged, readMerged, readMergedStore } from "./flat-file.ts";
import { checkGateway, freeOf, readGateway } from "./gateway.ts";
import { type Checked, renderValue } from "./issue.ts";
import { readLogLevel, readNetworkName, readSliceSize } from "./options.ts";
import { readRanges } from "./ranges.ts";
import type { WhereaboutsIpam } from "./schema/whereabouts.ts";
import { withSlices } from "./slices.ts";
import { chooseStore } from "./store.ts";
import type { FlatFile, RangeConfig, StoreChoice, WhereaboutsConfig } from "./types.ts";

const NAME = "whereabouts";

/**
 * Reads the `ipam` of whereabouts; what it leaves out comes from the flat file of the node, if there is one. `inCluster`: the
 * store of a cluster is reached with the service account of this pod.
 */
export function readWhereabouts(
  ipam: unknown,
  flat?: FlatFile,
  inCluster = false,
): Checked<WhereaboutsConfig> {
  const found = new Findings();
  const source = readMerged(ipam, flat, found);
  if (source === undefined) return { issues: found.issues };
  const { values, pathOf } = source;
  checkType(values.type, found);
  const store = chooseStore(source, found, inCluster);
  const addresses = readAddresses(values.addresses, pathOf("addresses"), "sloppy", found);
  const routes = readRoutes(values.routes, pathOf("routes"), found);
  const { ranges: whole, gateways } = readPools(source, addresses, found);
  const ranges = readSlices(source, whole, store, found);
  const networkName = readNetworkName(values.network_name, pathOf("network_name"), found);
  const level = readLogLevel(values.log_level, pathOf("log_level"), found);
  if (store === undefined) return { issues: found.issues };
  return found.check(() => ({
    ranges,
    addresses,
    gateways,
    routes,
    dns: readDns(values.dns),
    networkName,
    overlapCheck: values.enable_overlapping_ranges ?? true,
    store,
    log: { ...(values.log_file && { file: values.log_file }), level },
    ...(values.configuration_path && { configurationPath: values.configuration_path }),
    ...(values.reconciler_cron_expression && { reconcilerCron: values.reconciler_cron_expression }),
  }));
}

/** Only which store to ask, for DEL: nothing else in the configuration can keep an address from being freed. */
export function readStoreChoice(ipam: unknown, flat?: FlatFile, inCluster = false): Checked<StoreChoice> {
  const found = new Findings();
  const source = readMergedStore(ipam, flat, found);
  const store = source && chooseStore(source, found, inCluster);
  return store === undefined ? { issues: found.issues } : found.check(() => store);
}

function checkType(type: string | undefined, found: Findings): void {
  if (type === NAME) return;
  const what = `ipam.type is ${renderValue(type)}, and this is the plugin whereabouts`;
  found.error("wrong_plugin", { path: "ipam.type", value: type }, what, `write "type": "${NAME}"`);
}

function readSlices(
  { values, pathOf }: Merged<WhereaboutsIpam>,
  ranges: readonly RangeConfig[],
  store: StoreChoice | undefined,
  found: Findings,
): readonly RangeConfig[] {
  const subject = { path: pathOf("node_slice_size"), value: values.node_slice_size };
  const size = readSliceSize(values.node_slice_size, subject.path, found);
  if (size === undefined || store?.kind !== "sqlite") return withSlices(ranges, size, subject, found);
  const what = "node_slice_size has no effect on the datastore sqlite, which is one node's alone";
  found.warn("ignored_key", subject, what, "remove it");
  return ranges;
}

type Pools = Pick<WhereaboutsConfig, "ranges" | "gateways">;

function readPools(
  source: Merged<WhereaboutsIpam>,
  addresses: WhereaboutsConfig["addresses"],
  found: Findings,
): Pools {
  const path = source.pathOf("gateway");
  const gateways = readGateway(source.values.gateway, path, found);
  const gateway: Address | undefined = gateways[4] ?? gateways[6];
  const parsed = readRanges(source, found);
  if (parsed === undefined) return { ranges: [], gateways };
  if (gateway) checkGateway(gateway, path, parsed, addresses, found);
  const ranges: RangeConfig[] = parsed.map((range) => freeOf(range, gateway, path, found));
  return { ranges, gateways };
}
