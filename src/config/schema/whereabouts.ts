import * as v from "valibot";
import { addresses, CAPABILITIES, dns, MOST_ENTRIES, routes } from "./common.ts";
import { anything, count, flag, list, object, text, UINT32 } from "./field.ts";

export const DATASTORES = ["kubernetes", "sqlite", "etcd"] as const;
export const LOG_LEVELS = ["debug", "verbose", "error", "panic"] as const;
export const DEFAULT_DATABASE = "/var/lib/berth/ipam.db";
export const LONGEST_NETWORK_NAME = 253;

const MOST_EXCLUDES = 10_000;

const rangeEntries = {
  range: text("The network to hand out addresses from, as CIDR or as first-last/prefix; default none.", {
    examples: ["192.168.2.0/24", "192.168.2.10-192.168.2.99/24", "2001:db8::/64"],
  }),
  range_start: text("The first address to hand out; default the first of the range.", {
    examples: ["192.168.2.10"],
  }),
  range_end: text("The last address to hand out; default the last of the range.", {
    examples: ["192.168.2.99"],
  }),
  exclude: list(
    "Networks or single addresses of the range that are never handed out; default none.",
    v.string(),
    MOST_EXCLUDES,
  ),
};

const rangeEntry = v.strictObject(rangeEntries);

const etcd = (what: string) => text(`${what} of etcd; accepted, no effect, as in whereabouts; default none.`);
const election = (what: string) =>
  count(`${what} in milliseconds; accepted, no effect: Berth takes no lease; default none.`, UINT32);

const storeEntries = {
  datastore: text("Where allocations are kept: kubernetes or sqlite (one host); default kubernetes.", {
    default: "kubernetes",
    enum: DATASTORES,
  }),
  database: text(`The file of the datastore sqlite; default ${DEFAULT_DATABASE}.`, {
    default: DEFAULT_DATABASE,
  }),
  kubernetes: object("How to reach the API server; default from the flat file of the node.", {
    kubeconfig: text("The kubeconfig file on the node; required for the datastore kubernetes.", {
      examples: ["/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig"],
    }),
    k8s_api_root: text("Accepted, no effect: the kubeconfig names the API server; default none."),
    context: text("The context of the kubeconfig to use; default its current one."),
  }),
};

export const whereaboutsIpam = v.strictObject({
  type: text("The plugin: whereabouts.", { const: "whereabouts" }),
  ...rangeEntries,
  ipRanges: list(
    "Ranges that each give the pod one address, for example one per family; default none.",
    rangeEntry,
    MOST_ENTRIES,
  ),
  gateway: text("The gateway for addresses of its family; never handed out; default none.", {
    examples: ["192.168.2.1"],
  }),
  routes,
  dns,
  addresses,
  network_name: text(
    "Networks with the same name share their addresses, others may overlap; default the common name space.",
    { examples: ["tenant-a"] },
  ),
  enable_overlapping_ranges: flag(
    "Check that no other range of the same network_name has handed out an address; default true.",
    { default: true },
  ),
  node_slice_size: text("The prefix length of the slice that each node gets (Fast IPAM); default none.", {
    examples: ["/24", "24"],
  }),
  ...storeEntries,
  log_file: text("The file to log to; default standard error."),
  log_level: text("How much to log: debug, verbose, error or panic; default verbose.", {
    default: "verbose",
    enum: LOG_LEVELS,
  }),
  configuration_path: text("The flat file of the node, or its folder; default the usual places."),
  reconciler_cron_expression: text("When the reconciler runs, five fields, UTC; default none.", {
    examples: ["30 4 * * *"],
  }),
  leader_lease_duration: election("Lease duration"),
  leader_renew_deadline: election("Renew deadline"),
  leader_retry_period: election("Retry period"),
  sleep_for_race: count("A hook of upstream's tests, in seconds; accepted, no effect; default 0.", UINT32),
  etcd_host: etcd("Address"),
  etcd_username: etcd("User"),
  etcd_password: etcd("Password"),
  etcd_key_file: etcd("Key file"),
  etcd_cert_file: etcd("Certificate file"),
  etcd_ca_cert_file: etcd("CA file"),
  capabilities: anything(CAPABILITIES),
});

/** The part that finds the store. DEL reads no more, so a broken range cannot keep an address from being freed. */
export const storeChoice = v.strictObject(storeEntries);

export type WhereaboutsIpam = v.InferOutput<typeof whereaboutsIpam>;
export type RangeEntry = v.InferOutput<typeof rangeEntry>;
export type StoreEntries = v.InferOutput<typeof storeChoice>;
