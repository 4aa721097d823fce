import type { Clock, Timer } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import { DatagramSocket, releaseSlowly } from "../../netns/datagrams.ts";
import type { NetnsError } from "../../netns/error.ts";
import { openFrame } from "../../netns/ethernet.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import { setLink } from "../../netns/netlink/links.ts";
import { ok, type Result } from "../../result.ts";
import type { ClientState, Opened, Probe, Protocol } from "./protocol.ts";

/** How often to look whether the interface has an address to speak from by now; milliseconds. */
const LOOK = 50;

export type PortOptions<State extends ClientState, Message, Sent> = {
  readonly at: InterfaceRef;
  readonly protocol: Protocol<State, Message, Sent>;
  readonly clock: Clock;
  /** Called for each well-formed message that comes in while the port is open. */
  readonly received: (message: Message, from: Address) => void;
  readonly malformed: (why: string) => void;
};

/**
 * The way of one DHCP client to the network. It opens what it needs when something is to be sent, and holds nothing open when it
 * is closed: a bound lease needs neither socket nor thread.
 */
export class Port<State extends ClientState, Message, Sent> {
  readonly #options: PortOptions<State, Message, Sent>;
  #socket: DatagramSocket | undefined;
  #opened: Opened<Sent> | undefined;
  #probe: Probe | undefined;
  /** What waits for an address to speak from. */
  #waiting: Timer | undefined;
  #last: Uint8Array | undefined;
  #source: Uint8Array | undefined;

  constructor(options: PortOptions<State, Message, Sent>) {
    this.#options = options;
  }

  /** The MAC address that the last trusted packet came from. Anybody can send others. */
  get source(): Uint8Array | undefined {
    return this.#source;
  }

  /** Told that the last packet was what the client had waited for. */
  trust(): void {
    this.#source = this.#last;
  }

  send(sent: Sent): Result<void, NetnsError> {
    this.#waiting?.cancel();
    const opened = this.#open();
    if (!opened.ok) return opened;
    if (opened.value === undefined) {
      // A client sends again after a second at least; this is sooner.
      this.#waiting = this.#options.clock.after(LOOK, () => void this.send(sent));
      return ok(undefined);
    }
    // A frame that the interface does not take is like one that is lost on the way: the client sends again.
    this.#socket?.send(opened.value.frame(sent));
    return ok(undefined);
  }

  /** Finds out whether another host uses the address. `answer` is called once, unless the port is closed before. */
  probe(address: Address, answer: (conflict: boolean) => void): void {
    this.#probe?.end();
    this.#probe = this.#options.protocol.probe(address, answer);
  }

  close(): void {
    this.#waiting?.cancel();
    this.#probe?.end();
    this.#probe = undefined;
    this.#socket?.close();
    this.#socket = undefined;
    if (this.#opened?.port !== undefined) releaseSlowly(this.#opened.port);
    this.#opened = undefined;
  }

  #open(): Result<Opened<Sent> | undefined, NetnsError> {
    if (this.#opened) return ok(this.#opened);
    const { at, protocol } = this.#options;
    const opened = atInterface(at, (netlink, link) => {
      const up = link.up ? ok(undefined) : setLink(netlink, link.index, true);
      return up.ok ? protocol.open(netlink, link) : up;
    });
    if (!opened.ok || opened.value === undefined) return opened;
    this.#opened = opened.value;
    this.#socket = new DatagramSocket(opened.value.packets, {
      received: (frame) => this.#read(frame),
      failed: () => this.close(), // opened anew for the next message
    });
    return opened;
  }

  #read(frame: Uint8Array): void {
    const { protocol, received, malformed } = this.#options;
    const { source, payload } = openFrame(frame);
    const read = protocol.read(payload);
    if (!read.ok) {
      malformed(read.error.hint);
      return;
    }
    this.#last = source;
    received(read.value.message, read.value.from);
  }
}
