import type { KubeObject, OwnerReference } from "../kube/api.ts";
import type { Network } from "../kube/objects.ts";
import { MANAGED_BY, type Manifest } from "./workload/pod.ts";

/** Field manager of every apply, and value of the label that marks what the operator made. */
export const MANAGER = "berth-operator";

const NETWORK_GROUP = "operator.openshift.io/";

function ownerOf(network: Network): OwnerReference {
  const { apiVersion, kind, metadata } = network;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "", controller: true };
}

/** The manifest with the operator's mark and, where there is a Network object, with that as its owner. */
export function marked(manifest: Manifest, network: Network | undefined): Manifest {
  const labels = { ...manifest.metadata.labels, [MANAGED_BY]: MANAGER };
  const ownerReferences = network ? { ownerReferences: [ownerOf(network)] } : {};
  return { ...manifest, metadata: { ...manifest.metadata, labels, ...ownerReferences } };
}

function isOwnedByNetwork({ metadata }: KubeObject): boolean {
  return (metadata.ownerReferences ?? []).some(
    ({ kind, apiVersion }) => kind === "Network" && apiVersion.startsWith(NETWORK_GROUP),
  );
}

function isMarked({ metadata }: KubeObject): boolean {
  return metadata.labels?.[MANAGED_BY] === MANAGER;
}

/** What the operator may change and delete. `adopts`: what the Cluster Network Operator left behind, too. */
export function isOurs(object: KubeObject, adopts: boolean): boolean {
  // People copy attachments, labels and all; an owner they hardly copy.
  const needsOwner = object.kind === "NetworkAttachmentDefinition";
  if (isMarked(object) && (!needsOwner || isOwnedByNetwork(object))) return true;
  return adopts && isOwnedByNetwork(object);
}
