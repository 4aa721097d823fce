import { isObject } from "../cni/json.ts";

/** Which workloads a network needs on the cluster. */
export type Triggers = { readonly dhcp: boolean; readonly whereabouts: boolean };

export const NO_TRIGGER: Triggers = { dhcp: false, whereabouts: false };
export const DHCP_TRIGGER: Triggers = { dhcp: true, whereabouts: false };

export function both(a: Triggers, b: Triggers): Triggers {
  return { dhcp: a.dhcp || b.dhcp, whereabouts: a.whereabouts || b.whereabouts };
}

/**
 * What a network configuration or list triggers, by the rule of the Cluster Network Operator: where there are
 * `plugins` the first that has an ipam object counts, else the ipam at the top. The type must match exactly.
 */
export function triggersOf(config: unknown): Triggers {
  if (!isObject(config)) return NO_TRIGGER;
  const ipam = Object.hasOwn(config, "plugins") ? ipamOfPlugins(config.plugins) : config.ipam;
  const type = isObject(ipam) ? ipam.type : undefined;
  return { dhcp: type === "dhcp", whereabouts: type === "whereabouts" };
}

function ipamOfPlugins(plugins: unknown): unknown {
  if (!Array.isArray(plugins)) return undefined;
  const plugin: unknown = plugins.find(
    (candidate: unknown) => isObject(candidate) && isObject(candidate.ipam),
  );
  return isObject(plugin) ? plugin.ipam : undefined;
}

/** The same for a text that may be no JSON at all: the `spec.config` of an attachment that someone else made. */
export function triggersOfText(config: string): Triggers {
  try {
    return triggersOf(JSON.parse(config));
  } catch {
    return NO_TRIGGER; // `berth lint` and the webhook tell its author
  }
}
