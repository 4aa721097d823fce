import type { Findings } from "./findings.ts";
import type { Merged } from "./flat-file.ts";
import { renderValue } from "./issue.ts";
import { member } from "./json-path.ts";
import { nearest } from "./nearest.ts";
import { DATASTORES, DEFAULT_DATABASE, type StoreEntries } from "./schema/whereabouts.ts";
import type { StoreChoice } from "./types.ts";

/** Which store to use. Never SQLite by default: on a node of a cluster it would hand out taken addresses. */
export function chooseStore(
  source: Merged<StoreEntries>,
  found: Findings,
  inCluster: boolean,
): StoreChoice | undefined {
  const { datastore = "", database = "" } = source.values;
  const subject = { path: source.pathOf("datastore"), value: datastore };
  if (datastore === "sqlite") return chooseSqlite(source, found);
  if (datastore === "etcd") {
    const what = '"etcd" has no effect, as in whereabouts: allocations are kept in Kubernetes objects';
    found.warn("ignored_key", subject, what, 'write "kubernetes"');
  } else if (datastore !== "" && datastore !== "kubernetes") {
    const meant = nearest(datastore, DATASTORES);
    const hint = `${meant === undefined ? "" : `did you mean "${meant}"? `}"kubernetes" or "sqlite" is wanted`;
    found.error("unknown_datastore", subject, `${renderValue(datastore)} is not a datastore`, hint);
    return undefined;
  }
  if (database !== "") {
    const hint = 'remove it, or write "datastore": "sqlite" for a single host';
    const what = "the database has no effect with the datastore kubernetes";
    found.warn("ignored_key", { path: source.pathOf("database"), value: database }, what, hint);
  }
  // Whatever kubeconfig is named: its credentials are for processes of the node, and are to go away there.
  return inCluster ? { kind: "kubernetes", kubeconfig: "" } : chooseKubernetes(source, found);
}

function chooseSqlite(source: Merged<StoreEntries>, found: Findings): StoreChoice | undefined {
  const path = source.values.database || DEFAULT_DATABASE;
  if (path.startsWith("/")) return { kind: "sqlite", path };
  const subject = { path: source.pathOf("database"), value: path };
  const hint = `the runtime may call from any folder; write one such as ${DEFAULT_DATABASE}`;
  found.error("path_not_absolute", subject, `${renderValue(path)} is not an absolute path`, hint);
  return undefined;
}

function chooseKubernetes(source: Merged<StoreEntries>, found: Findings): StoreChoice | undefined {
  const { kubeconfig = "", context = "" } = source.values.kubernetes ?? {};
  if (kubeconfig !== "") return { kind: "kubernetes", kubeconfig, ...(context !== "" && { context }) };
  const subject = { path: member(source.pathOf("kubernetes"), "kubeconfig"), value: kubeconfig };
  const hint =
    "in a cluster set kubernetes.kubeconfig in ipam or in the flat file of the node (whereabouts.conf); " +
    'on a single host write "datastore": "sqlite" in ipam';
  found.error("no_store", subject, "no store for allocations is configured: there is no kubeconfig", hint);
  return undefined;
}
