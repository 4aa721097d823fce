import { isObject } from "../cni/json.ts";
import { formatIssue, ipamOf, readWhereabouts } from "../config/index.ts";
import type { Cidr } from "../ip/cidr.ts";
import type { Interval } from "../ip/interval.ts";
import { referenceTo } from "../kube/events.ts";
import type { NetworkAttachmentDefinition, ObjectReference } from "../kube/objects.ts";

/** A range that an attachment wants cut into slices. */
export type SliceWish = {
  /** What the NodeSlicePool is called after: the network name, or the name of the CNI configuration. */
  readonly network: string;
  readonly networkName: string;
  readonly range: Cidr;
  readonly prefix: number;
  /** What may be handed out. */
  readonly free: readonly Interval[];
};

/** What the controller knows of one attachment. */
export type Attachment = {
  readonly about: ObjectReference;
  readonly wishes: readonly SliceWish[];
  /** Why its configuration, which seems to ask for slices, cannot be used. */
  readonly broken?: string;
};

/** Undefined: it has nothing to do with slices. A fault stays its own. */
export function attachmentOf(object: NetworkAttachmentDefinition): Attachment | undefined {
  const { metadata, spec } = object;
  const text = spec?.config ?? "";
  if (!text.includes("node_slice_size")) return undefined;
  const about = referenceTo(object);
  const netconf = parse(text);
  if (!isObject(netconf)) return { about, wishes: [], broken: "spec.config is not a JSON object" };
  // Multus fills in the name of the attachment.
  const network = typeof netconf.name === "string" && netconf.name !== "" ? netconf.name : metadata.name;
  const plugins: readonly unknown[] = Array.isArray(netconf.plugins) ? netconf.plugins : [netconf];
  const wishes: SliceWish[] = [];
  for (const plugin of plugins) {
    const ipam = ipamOf(plugin);
    if (!isObject(ipam) || ipam.type !== "whereabouts") continue;
    const { config, issues } = readWhereabouts(ipam, undefined, true);
    if (!config) {
      const [first] = issues.filter(({ severity }) => severity === "error");
      return { about, wishes: [], broken: first ? formatIssue(first) : "it cannot be read" };
    }
    const { networkName } = config;
    for (const { range, free, slicePrefix } of config.ranges) {
      if (slicePrefix === undefined) continue;
      const name = networkName === "" ? network : networkName;
      wishes.push({ network: name, networkName, range: range.network, prefix: slicePrefix, free });
    }
  }
  return { about, wishes };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told as broken
  }
}
