import { isObject } from "../cni/json.ts";
import { ipamOf, readWhereabouts, type WhereaboutsConfig } from "../config/index.ts";
import type { NetworkAttachmentDefinition } from "../kube/objects.ts";

/**
 * The whereabouts networks that an attachment configures, with their defaults; none if it configures none or cannot be read.
 * A flat file of a node changes nothing that matters here (not the overlap check).
 */
export function networksOf({ spec }: NetworkAttachmentDefinition): readonly WhereaboutsConfig[] {
  const netconf = parse(spec?.config ?? "");
  if (!isObject(netconf)) return [];
  const plugins: readonly unknown[] = Array.isArray(netconf.plugins) ? netconf.plugins : [netconf];
  return plugins.flatMap((plugin) => {
    const ipam = ipamOf(plugin);
    if (!isObject(ipam) || ipam.type !== "whereabouts") return [];
    const { config } = readWhereabouts(ipam, undefined, true);
    return config ? [config] : [];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // berth lint tells people about it
  }
}
