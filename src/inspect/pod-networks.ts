/** The annotation by which a pod asks for networks (Multus). */
export const NETWORKS_ANNOTATION = "k8s.v1.cni.cncf.io/networks";

/** One attachment that a pod asks for. */
export type RequestedNetwork = {
  /** `namespace/name` of the NetworkAttachmentDefinition. */
  readonly label: string;
  readonly interface?: string;
};

/** What a pod of that namespace asks for: `name`, `namespace/name@interface`, ..., or a list in JSON. What cannot be read is left out. */
export function requestedNetworks(annotation: string, namespace: string): readonly RequestedNetwork[] {
  return annotation.trimStart().startsWith("[")
    ? ofJson(annotation, namespace)
    : ofText(annotation, namespace);
}

function ofText(annotation: string, namespace: string): RequestedNetwork[] {
  return annotation.split(",").flatMap((part) => {
    const [, space = namespace, name, ifname] =
      /^\s*(?:([^/@\s]+)\/)?([^/@\s]+)(?:@(\S+))?\s*$/.exec(part) ?? [];
    return name === undefined ? [] : [request(space, name, ifname)];
  });
}

function ofJson(annotation: string, namespace: string): RequestedNetwork[] {
  let list: unknown;
  try {
    list = JSON.parse(annotation);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: { name?: unknown; namespace?: unknown; interface?: unknown } | null) => {
    if (typeof item?.name !== "string") return [];
    const space = typeof item.namespace === "string" ? item.namespace : namespace;
    return [request(space, item.name, typeof item.interface === "string" ? item.interface : undefined)];
  });
}

function request(namespace: string, name: string, ifname: string | undefined): RequestedNetwork {
  return { label: `${namespace}/${name}`, ...(ifname !== undefined && { interface: ifname }) };
}
