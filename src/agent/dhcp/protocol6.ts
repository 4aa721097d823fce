import type { Clock } from "../../clock.ts";
import { address6 } from "../../dhcp/bytes.ts";
import { decodeDatagram6, encodeDatagram6, isLinkLocal, linkLocalOf } from "../../dhcp/frame6.ts";
import {
  boundClient,
  type ClientConfig,
  type ClientState,
  clientConfig,
  decodeMessage,
  encodeMessage,
  type Message,
  newClient,
  type Send,
  step,
} from "../../dhcp/v6/index.ts";
import type { Address } from "../../ip/address.ts";
import { ETHERTYPE, encodeFrame } from "../../netns/ethernet.ts";
import { dhcp6Filter } from "../../netns/filter.ts";
import { enableIpv6 } from "../../netns/ipv6.ts";
import { addressesOf } from "../../netns/netlink/addresses.ts";
import { occupyPort546, openPacketSocket } from "../../netns/sockets.ts";
import { ok } from "../../result.ts";
import type { Protocol } from "./protocol.ts";
import type { LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

const CLIENT = 546;
const SERVER = 547;
/** All_DHCP_Relay_Agents_and_Servers (RFC 8415 section 7.1), and the MAC address of that group (RFC 2464 section 7). */
const SERVERS = address6(Uint8Array.fromHex("ff020000000000000000000000010002"), 0);
const SERVERS_MAC = Uint8Array.fromHex("333300010002");

/** DHCPv6 speaks from the link-local address, which may be used a second or two after link-up. */
export function protocol6(
  record: LeaseRecord,
  settings: DhcpSettings,
  clock: Clock,
): Protocol<ClientState, Message, Send> {
  const config = configOf(record, settings);
  const mac = Uint8Array.fromHex(record.mac);
  return {
    idle: newClient(config),
    bound: (lease) => boundClient(config, lease),
    step,
    open: (netlink, link) => {
      enableIpv6(link.name);
      const carried = addressesOf(netlink, link.index, 6);
      if (!carried.ok) return carried;
      const usable = carried.value.find(
        ({ address, tentative }) => !tentative && isLinkLocal(address.address),
      );
      if (!usable) return ok(undefined);
      const packets = openPacketSocket(link.index, ETHERTYPE.ipv6, dhcp6Filter());
      if (!packets.ok) return packets;
      const linkLocal = usable.address.address;
      const port = occupyPort546(link.index, linkLocal);
      const frame = (sent: Send) => frameOf(sent, mac, linkLocal);
      return ok({ packets: packets.value, frame, ...(port.ok && { port: port.value }) });
    },
    read: (payload) => {
      const datagram = decodeDatagram6(payload);
      if (!datagram.ok) return datagram;
      const message = decodeMessage(datagram.value.payload);
      return message.ok ? ok({ message: message.value, from: datagram.value.from }) : message;
    },
    ethertype: ETHERTYPE.ipv6,
    frameFromAfar: (sent) => frameOf(sent, mac, linkLocalOf(mac)),
    // The kernel detects duplicates when the address is set.
    probe: (_, answer) => {
      const timer = clock.after(0, () => answer(false));
      return { end: () => timer.cancel() };
    },
  };
}

/** A message to all servers of the link. */
function frameOf({ message }: Send, mac: Uint8Array, from: Address): Uint8Array {
  const datagram = { from, to: SERVERS, fromPort: CLIENT, toPort: SERVER, payload: encodeMessage(message) };
  return encodeFrame(SERVERS_MAC, mac, ETHERTYPE.ipv6, encodeDatagram6(datagram));
}

/**
 * `provide` and `request` are numbers of DHCPv4 options, which mean other things here. Without rapid commit a server gives nothing
 * away before the intent to take it is written down.
 */
function configOf(record: LeaseRecord, { firstWait, longestWait, budget }: DhcpSettings): ClientConfig {
  return clientConfig({
    duid: Uint8Array.fromHex(record.client),
    ifname: `${record.network}/${record.ifname}`,
    rapidCommit: false,
    probe: false,
    timing: { longestWait, budget, ...(firstWait !== undefined && { firstWait }) },
  });
}
