import { lintNetworks } from "./lint.ts";
import type { Network } from "./overlap.ts";

/** What is read of a NetworkAttachmentDefinition of a cluster. */
export type AttachmentObject = {
  readonly metadata: { readonly namespace?: string; readonly name: string };
  readonly spec?: { readonly config?: string };
};

/** The whereabouts networks of an attachment, called as Multus calls them: `namespace/name`. None if it cannot be read. */
export function networksOf({ metadata, spec }: AttachmentObject): readonly Network[] {
  const object = {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: metadata.name, namespace: metadata.namespace },
    spec: { config: spec?.config ?? "" },
  };
  const label = `${metadata.namespace ?? "default"}/${metadata.name}`;
  const { networks } = lintNetworks(JSON.stringify(object), label);
  return networks.map(({ config }) => ({ label, config }));
}
