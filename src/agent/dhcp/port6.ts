import type { Clock, Timer } from "../../clock.ts";
import { address6 } from "../../dhcp/bytes.ts";
import { decodeDatagram6, encodeDatagram6, isLinkLocal } from "../../dhcp/frame6.ts";
import { decodeMessage, encodeMessage, type Message, type Send } from "../../dhcp/v6/index.ts";
import type { Address } from "../../ip/address.ts";
import { DatagramSocket, releaseSlowly } from "../../netns/datagrams.ts";
import type { NetnsError } from "../../netns/error.ts";
import { ETHERTYPE, encodeFrame, openFrame } from "../../netns/ethernet.ts";
import { dhcp6Filter } from "../../netns/filter.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import { enableIpv6 } from "../../netns/ipv6.ts";
import { addressesOf } from "../../netns/netlink/addresses.ts";
import { setLink } from "../../netns/netlink/links.ts";
import { occupyPort546, openPacketSocket } from "../../netns/sockets.ts";
import { ok, type Result } from "../../result.ts";
import type { Port, Received } from "./port.ts";

const CLIENT = 546;
const SERVER = 547;
/** All_DHCP_Relay_Agents_and_Servers (RFC 8415 section 7.1), and the MAC address of that group (RFC 2464 section 7). */
const SERVERS = address6(Uint8Array.fromHex("ff020000000000000000000000010002"), 0);
const SERVERS_MAC = Uint8Array.fromHex("333300010002");
/** How often to look whether the link-local address is past duplicate address detection; milliseconds. */
const LOOK = 50;

export type Port6Options = {
  readonly at: InterfaceRef;
  readonly mac: Uint8Array;
  readonly clock: Clock;
  readonly received: Received<Message>;
  readonly malformed: (why: string) => void;
};

type Open = {
  readonly packets: DatagramSocket;
  readonly port: number | undefined;
  readonly linkLocal: Address;
};

/** DHCPv6 on the interface of a pod. It begins to speak when the link-local address may be used, a second or two after link-up. */
export class Port6 implements Port<Send> {
  readonly #options: Port6Options;
  #open: Open | undefined;
  /** What waits for the link-local address. */
  #waiting: Timer | undefined;
  #last: Uint8Array | undefined;
  #source: Uint8Array | undefined;

  constructor(options: Port6Options) {
    this.#options = options;
  }

  get source(): Uint8Array | undefined {
    return this.#source;
  }

  trust(): void {
    this.#source = this.#last;
  }

  send(sent: Send): Result<void, NetnsError> {
    this.#waiting?.cancel();
    const { clock, mac } = this.#options;
    const opened = this.#prepare();
    if (!opened.ok) return opened;
    if (opened.value === undefined) {
      // A client sends again after a second at least; this is sooner.
      this.#waiting = clock.after(LOOK, () => void this.send(sent));
      return ok(undefined);
    }
    opened.value.packets.send(frame6Of(sent, mac, opened.value.linkLocal));
    return ok(undefined);
  }

  /** The kernel detects duplicates when the address is set. */
  probe(_: Address, answer: (conflict: boolean) => void): void {
    this.#options.clock.after(0, () => answer(false));
  }

  close(): void {
    this.#waiting?.cancel();
    this.#open?.packets.close();
    if (this.#open?.port !== undefined) releaseSlowly(this.#open.port);
    this.#open = undefined;
  }

  /** The sockets; undefined while there is no link-local address that may be used. */
  #prepare(): Result<Open | undefined, NetnsError> {
    if (this.#open) return ok(this.#open);
    const opened = atInterface(this.#options.at, (netlink, link) => {
      if (!link.up) {
        const up = setLink(netlink, link.index, true);
        if (!up.ok) return up;
      }
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
      return ok({ descriptor: packets.value, port: port.ok ? port.value : undefined, linkLocal });
    });
    if (!opened.ok || opened.value === undefined) return opened.ok ? ok(undefined) : opened;
    const { descriptor, port, linkLocal } = opened.value;
    const packets = new DatagramSocket(descriptor, {
      received: (frame) => this.#read(frame),
      failed: () => this.close(), // opened anew for the next message
    });
    this.#open = { packets, port, linkLocal };
    return ok(this.#open);
  }

  #read(frame: Uint8Array): void {
    const { received, malformed } = this.#options;
    const { source, payload } = openFrame(frame);
    const datagram = decodeDatagram6(payload);
    const message = datagram.ok ? decodeMessage(datagram.value.payload) : datagram;
    if (!datagram.ok || !message.ok) {
      if (!message.ok) malformed(message.error.hint);
      return;
    }
    this.#last = source;
    received(message.value, datagram.value.from);
  }
}

/** A message to all servers of the link as an Ethernet frame. */
export function frame6Of({ message }: Send, mac: Uint8Array, from: Address): Uint8Array {
  const datagram = { from, to: SERVERS, fromPort: CLIENT, toPort: SERVER, payload: encodeMessage(message) };
  return encodeFrame(SERVERS_MAC, mac, ETHERTYPE.ipv6, encodeDatagram6(datagram));
}
