import { decodeArp } from "../../src/dhcp/arp.ts";
import { decodeDatagram } from "../../src/dhcp/frame.ts";
import { decodeMessage, type MessageType } from "../../src/dhcp/v4/index.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { DatagramSocket } from "../../src/netns/datagrams.ts";
import { within } from "../../src/netns/enter.ts";
import { ETHERTYPE, openFrame } from "../../src/netns/ethernet.ts";
import { linkOf } from "../../src/netns/netlink/links.ts";
import { Netlink } from "../../src/netns/netlink/socket.ts";
import { openPacketSocket } from "../../src/netns/sockets.ts";
import { pathOf } from "./wire.ts";

/** One packet on the wire. `how` says whether the frame, and with it the packet, went to one or to all. */
export type Seen = {
  readonly what: MessageType | "ARP request" | "ARP reply" | "ICMP" | "other";
  readonly from: string;
  readonly to: string;
  readonly how: "unicast" | "broadcast";
  readonly mac: string;
};

const ETH_P_ALL = 3;
const EVERYTHING = new Uint8Array([0x06, 0, 0, 0, 0xff, 0xff, 0, 0]);
const ICMP = 1;

/** Sees all frames of an interface, in both directions. */
export class Capture {
  readonly seen: Seen[] = [];
  readonly #socket: DatagramSocket;

  constructor(namespace: string, ifname: string) {
    const opened = within(pathOf(namespace), () =>
      Netlink.use((netlink) => {
        const link = linkOf(netlink, ifname);
        return link.ok ? openPacketSocket(link.value.index, ETH_P_ALL, EVERYTHING) : link;
      }),
    );
    if (!opened.ok) throw new Error(opened.error.message);
    this.#socket = new DatagramSocket(opened.value, {
      received: (frame) => this.#read(frame),
      failed: () => undefined,
    });
  }

  /** What kinds of DHCP messages were seen of an address or between all, in order. */
  kinds(): string[] {
    return this.seen.map(({ what }) => what);
  }

  count(what: Seen["what"], how?: Seen["how"]): number {
    return this.seen.filter((one) => one.what === what && (how === undefined || one.how === how)).length;
  }

  close(): void {
    this.#socket.close();
  }

  #read(frame: Uint8Array): void {
    const { source, payload } = openFrame(frame);
    const how = frame.subarray(0, 6).every((byte) => byte === 0xff) ? "broadcast" : "unicast";
    const mac = source.toHex();
    const ethertype = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    if (ethertype === ETHERTYPE.arp) {
      const arp = decodeArp(payload);
      if (!arp.ok) return;
      const { operation, senderAddress, targetAddress } = arp.value;
      const [from, to] = [formatAddress(senderAddress), formatAddress(targetAddress)];
      this.seen.push({ what: `ARP ${operation}`, from, to, how, mac });
    }
    if (ethertype !== ETHERTYPE.ipv4) return;
    const datagram = decodeDatagram(payload);
    if (!datagram.ok) {
      if (payload[9] === ICMP) this.seen.push({ what: "ICMP", from: "", to: "", how, mac });
      return;
    }
    const message = decodeMessage(datagram.value.payload);
    const [from, to] = [formatAddress(datagram.value.from), formatAddress(datagram.value.to)];
    this.seen.push({ what: message.ok ? message.value.type : "other", from, to, how, mac });
  }
}
