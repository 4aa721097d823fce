import { duidOfMac, duidOfName, macClientId, podClientId, sandboxClientId } from "../../dhcp/client-id.ts";
import type { Family } from "../../ip/address.ts";
import type { LeaseWish } from "../../ipam/leases.ts";
import type { Interface } from "../../netns/interface.ts";
import type { LeaseRecord } from "./record.ts";

/** The records of leases that are still to be had, of each family that the wish is for. `now` is in the time of leases. */
export function recordsOf(wish: LeaseWish, seen: Interface, now: number): readonly LeaseRecord[] {
  const families: readonly Family[] = wish.config.ipv6 ? [4, 6] : [4];
  return families.map((family) => recordOf(wish, seen, family, now));
}

/** Whether what is held is what the same ADD would ask for again: of the same interface, by the same clients. */
export function areSame(held: readonly LeaseRecord[], wanted: readonly LeaseRecord[]): boolean {
  return (
    held.length === wanted.length &&
    held.every(({ family, identity, index, client }) =>
      wanted.some(
        (one) =>
          one.family === family && one.identity === identity && one.index === index && one.client === client,
      ),
    )
  );
}

function recordOf(wish: LeaseWish, seen: Interface, family: Family, now: number): LeaseRecord {
  const { attachment, network, pod, uid, config } = wish;
  const { ref, link, parent } = seen;
  const id = clientIdOf(wish, link.mac);
  const duid = config.clientId === "mac" ? duidOfMac(link.mac) : duidOfName(id);
  return {
    sandbox: attachment.containerId,
    ifname: attachment.ifname,
    family,
    network,
    pod,
    ...(uid !== undefined && { uid }),
    netns: ref.netns,
    identity: ref.identity,
    index: ref.index,
    ...(parent !== undefined && { parent }),
    mac: link.mac.toHex(),
    client: (family === 4 ? id : duid).toHex(),
    hostName: wish.hostName,
    request: config.request,
    provide: Object.fromEntries([...wish.provide].map(([code, value]) => [String(code), value.toHex()])),
    // Interfaces of ipvlan have their master's MAC address: a unicast to an address that none of them has yet reaches none.
    broadcast: link.kind === "ipvlan",
    probe: config.probe,
    probeTiming: config.probeTiming,
    onChange: config.onChange,
    ...(config.priority !== undefined && { priority: config.priority }),
    since: now,
  };
}

/** A pod without a name is known by its sandbox. */
function clientIdOf({ attachment, network, pod, config }: LeaseWish, mac: Uint8Array): Uint8Array {
  const { containerId, ifname } = attachment;
  if (config.clientId === "mac") return macClientId(mac);
  if (config.clientId === "sandbox" || pod === "") return sandboxClientId(containerId, network, ifname);
  const slash = pod.indexOf("/");
  return podClientId({ namespace: pod.slice(0, slash), pod: pod.slice(slash + 1), network, ifname });
}
