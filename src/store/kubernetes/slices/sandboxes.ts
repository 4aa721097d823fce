import { isObject } from "../../../cni/json.ts";
import { ipamOf } from "../../../config/index.ts";
import { type Address, parseAddress } from "../../../ip/address.ts";

/** An attachment that a runtime has made on this node and not taken back, with the addresses that it was given. */
export type Sandbox = {
  readonly id: string;
  readonly ifname: string;
  /** `name` of the CNI network, and `network_name` of its addresses. */
  readonly network: string;
  readonly networkName: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid?: string };
  readonly addresses: readonly Address[];
};

/**
 * Reads a file of the cache that libcni keeps of every ADD until its DEL (`results/NETWORK-CONTAINER-IFNAME`, kind "cniCacheV1").
 * Undefined if it is of no network of whereabouts.
 */
export function readSandbox(text: string): Sandbox | undefined {
  const cached = parsed(text);
  if (!isObject(cached) || cached.kind !== "cniCacheV1") return undefined;
  const { containerId, ifName, networkName, config, result } = cached;
  if (typeof containerId !== "string" || typeof ifName !== "string" || typeof networkName !== "string")
    return undefined;
  const netconf = typeof config === "string" ? parsed(fromBase64(config)) : undefined;
  const plugins = isObject(netconf) && Array.isArray(netconf.plugins) ? netconf.plugins : [netconf];
  const ipam = plugins.map(ipamOf).find((one) => isObject(one) && one.type === "whereabouts");
  const addresses = addressesIn(result);
  if (!isObject(ipam) || addresses.length === 0) return undefined;
  const args = new Map(
    (Array.isArray(cached.cniArgs) ? cached.cniArgs : []).flatMap((pair) =>
      Array.isArray(pair) ? [[String(pair[0]), String(pair[1])] as const] : [],
    ),
  );
  const uid = args.get("K8S_POD_UID");
  return {
    id: containerId,
    ifname: ifName,
    network: networkName,
    networkName: typeof ipam.network_name === "string" ? ipam.network_name : "",
    pod: {
      namespace: args.get("K8S_POD_NAMESPACE") ?? "",
      name: args.get("K8S_POD_NAME") ?? "",
      ...(uid && { uid }),
    },
    addresses,
  };
}

/** `ips` since CNI 0.3.0, `ip4` and `ip6` before. */
function addressesIn(result: unknown): Address[] {
  if (!isObject(result)) return [];
  const ips: readonly unknown[] = Array.isArray(result.ips) ? result.ips : [];
  const texts = [
    ...ips.map((ip) => isObject(ip) && ip.address),
    ...[result.ip4, result.ip6].map((ip) => isObject(ip) && ip.ip),
  ];
  return texts.flatMap((text) => {
    const address = typeof text === "string" ? parseAddress(text.split("/")[0] ?? "") : undefined;
    return address?.ok ? [address.value] : [];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // half written, or none of ours
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
