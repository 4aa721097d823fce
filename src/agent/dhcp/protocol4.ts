import type { Clock } from "../../clock.ts";
import { BROADCAST } from "../../dhcp/bytes.ts";
import { decodeDatagram, encodeDatagram } from "../../dhcp/frame.ts";
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
} from "../../dhcp/v4/index.ts";
import { BROADCAST_MAC, ETHERTYPE, encodeFrame } from "../../netns/ethernet.ts";
import { dhcp4Filter } from "../../netns/filter.ts";
import { occupyPort68, openPacketSocket } from "../../netns/sockets.ts";
import { ok } from "../../result.ts";
import { probeByArp } from "./arp.ts";
import type { Protocol } from "./protocol.ts";
import { type LeaseRecord, refOf } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

const CLIENT = 68;
const SERVER = 67;

/**
 * DHCPv4 by packet sockets, which need no address and mind no rp_filter. `via` is the MAC address that the server's last answer
 * came from, its own or its relay's: unicasts go there, since routes and neighbours of the pod may be another interface's.
 */
export function protocol4(
  record: LeaseRecord,
  settings: DhcpSettings,
  clock: Clock,
  via: () => Uint8Array | undefined,
): Protocol<ClientState, Message, Send> {
  const config = configOf(record, settings);
  const { mac } = config;
  const frame = (sent: Send) => frameOf(sent, mac, via());
  return {
    idle: newClient(config),
    bound: (lease) => boundClient(config, lease),
    step,
    open: (_, link) => {
      const packets = openPacketSocket(link.index, ETHERTYPE.ipv4, dhcp4Filter(mac));
      if (!packets.ok) return packets;
      const port = occupyPort68(link.name);
      return ok({ packets: packets.value, frame, ...(port.ok && { port: port.value }) });
    },
    read: (payload) => {
      const datagram = decodeDatagram(payload);
      if (!datagram.ok) return datagram;
      const message = decodeMessage(datagram.value.payload);
      return message.ok ? ok({ message: message.value, from: datagram.value.from }) : message;
    },
    ethertype: ETHERTYPE.ipv4,
    frameFromAfar: frame,
    probe: (address, answer) => {
      const { probeTiming: timing = "fast" } = record;
      return probeByArp({ at: refOf(record), mac, address, timing, clock }, answer);
    },
  };
}

function frameOf({ message, from, to }: Send, mac: Uint8Array, via: Uint8Array | undefined): Uint8Array {
  const unicast = to.kind === "unicast";
  const datagram = encodeDatagram({
    from,
    to: unicast ? to.server : BROADCAST,
    fromPort: CLIENT,
    toPort: SERVER,
    payload: encodeMessage(message),
  });
  return encodeFrame(unicast && via ? via : BROADCAST_MAC, mac, ETHERTYPE.ipv4, datagram);
}

function configOf(record: LeaseRecord, settings: DhcpSettings): ClientConfig {
  const provide = Object.entries(record.provide).map(([code, value]): [number, Uint8Array] => {
    return [Number(code), Uint8Array.fromHex(value)];
  });
  return clientConfig({
    mac: Uint8Array.fromHex(record.mac),
    clientId: Uint8Array.fromHex(record.client),
    hostName: record.hostName,
    request: record.request,
    provide: new Map(provide),
    broadcast: record.broadcast || settings.broadcast,
    probe: record.probe,
    timing: {
      longestWait: settings.longestWait,
      budget: settings.budget,
      ...(settings.firstWait !== undefined && { firstWait: settings.firstWait }),
    },
  });
}
