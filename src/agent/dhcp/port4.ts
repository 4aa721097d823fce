import type { Clock, Timer } from "../../clock.ts";
import { arpProbe, decodeArp, encodeArp, showsConflict } from "../../dhcp/arp.ts";
import { BROADCAST } from "../../dhcp/bytes.ts";
import { decodeDatagram, encodeDatagram } from "../../dhcp/frame.ts";
import { decodeMessage, encodeMessage, type Message, type Send } from "../../dhcp/v4/index.ts";
import type { Address } from "../../ip/address.ts";
import { DatagramSocket, releaseSlowly } from "../../netns/datagrams.ts";
import type { NetnsError } from "../../netns/error.ts";
import { BROADCAST_MAC, ETHERTYPE, encodeFrame, openFrame } from "../../netns/ethernet.ts";
import { arpFilter, dhcp4Filter } from "../../netns/filter.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import { setLink } from "../../netns/netlink/links.ts";
import { occupyPort68, openPacketSocket } from "../../netns/sockets.ts";
import { ok, type Result } from "../../result.ts";
import type { Port, Received } from "./port.ts";

const CLIENT = 68;
const SERVER = 67;

/** When ARP probes go out, and when silence counts as an answer: milliseconds. A neighbour answers within one. */
const PROBES = [0, 12];
const PROBED = 25;

export type Port4Options = {
  readonly at: InterfaceRef;
  readonly mac: Uint8Array;
  /** Where unicasts to the server go: the MAC address that its last answer came from. */
  readonly via: () => Uint8Array | undefined;
  readonly clock: Clock;
  readonly received: Received<Message>;
  readonly malformed: (why: string) => void;
};

/** DHCPv4 and ARP on the interface of a pod by packet sockets, which need no address and mind no rp_filter. */
export class Port4 implements Port<Send> {
  readonly #options: Port4Options;
  #socket: DatagramSocket | undefined;
  #occupied: number | undefined;
  #probe: { readonly socket: DatagramSocket; readonly timers: readonly Timer[] } | undefined;
  #last: Uint8Array | undefined;
  #source: Uint8Array | undefined;

  constructor(options: Port4Options) {
    this.#options = options;
  }

  get source(): Uint8Array | undefined {
    return this.#source;
  }

  trust(): void {
    this.#source = this.#last;
  }

  send(sent: Send): Result<void, NetnsError> {
    const opened = this.#open();
    if (!opened.ok) return opened;
    // A frame that the interface does not take is like one that is lost on the way: the client sends again.
    this.#socket?.send(frameOf(sent, this.#options.mac, this.#options.via()));
    return ok(undefined);
  }

  probe(address: Address, answer: (conflict: boolean) => void): void {
    const { at, mac, clock } = this.#options;
    this.#endProbe();
    const opened = atInterface(at, (_, link) =>
      openPacketSocket(link.index, ETHERTYPE.arp, arpFilter(Number(address.value))),
    );
    if (!opened.ok) {
      clock.after(0, () => answer(false)); // the next message finds out what is wrong
      return;
    }
    const end = (conflict: boolean) => {
      this.#endProbe();
      answer(conflict);
    };
    const socket = new DatagramSocket(opened.value, {
      received: (frame) => {
        const arp = decodeArp(openFrame(frame).payload);
        if (arp.ok && showsConflict(arp.value, mac, address)) end(true);
      },
      failed: () => undefined,
    });
    const frame = encodeFrame(BROADCAST_MAC, mac, ETHERTYPE.arp, encodeArp(arpProbe(mac, address)));
    const timers = [
      ...PROBES.map((ms) => clock.after(ms, () => void socket.send(frame))),
      clock.after(PROBED, () => end(false)),
    ];
    this.#probe = { socket, timers };
  }

  close(): void {
    this.#endProbe();
    this.#socket?.close();
    this.#socket = undefined;
    if (this.#occupied !== undefined) releaseSlowly(this.#occupied);
    this.#occupied = undefined;
  }

  #open(): Result<void, NetnsError> {
    if (this.#socket) return ok(undefined);
    const { at, mac } = this.#options;
    const opened = atInterface(at, (netlink, link) => {
      if (!link.up) {
        const up = setLink(netlink, link.index, true);
        if (!up.ok) return up;
      }
      const packets = openPacketSocket(link.index, ETHERTYPE.ipv4, dhcp4Filter(mac));
      if (!packets.ok) return packets;
      // Where another program has the port nothing needs to be done.
      const port = occupyPort68(link.name);
      return ok({ packets: packets.value, port: port.ok ? port.value : undefined });
    });
    if (!opened.ok) return opened;
    this.#occupied = opened.value.port;
    this.#socket = new DatagramSocket(opened.value.packets, {
      received: (frame) => this.#read(frame),
      failed: () => this.close(), // opened anew for the next message
    });
    return ok(undefined);
  }

  #read(frame: Uint8Array): void {
    const { received, malformed } = this.#options;
    const { source, payload } = openFrame(frame);
    const datagram = decodeDatagram(payload);
    const message = datagram.ok ? decodeMessage(datagram.value.payload) : datagram;
    if (!datagram.ok || !message.ok) {
      if (!message.ok) malformed(message.error.hint);
      return;
    }
    this.#last = source;
    received(message.value, datagram.value.from);
  }

  #endProbe(): void {
    for (const timer of this.#probe?.timers ?? []) timer.cancel();
    this.#probe?.socket.close();
    this.#probe = undefined;
  }
}

/**
 * A message as an Ethernet frame. Unicasts go to the MAC address that the server's last answer came from, its own or its
 * relay's: routes and neighbours of the pod, which another interface may rule, are not asked.
 */
export function frameOf(
  { message, from, to }: Send,
  mac: Uint8Array,
  via: Uint8Array | undefined,
): Uint8Array {
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
