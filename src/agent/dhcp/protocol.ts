import type { Lease } from "../../dhcp/lease.ts";
import type { Event, PhaseName, Step } from "../../dhcp/machine.ts";
import type { Malformed } from "../../dhcp/malformed.ts";
import type { Address } from "../../ip/address.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { Link } from "../../netns/netlink/links.ts";
import type { Netlink } from "../../netns/netlink/socket.ts";
import type { Result } from "../../result.ts";

/** What both clients of src/dhcp have in common. */
export type ClientState = { readonly phase: { readonly name: PhaseName }; readonly wakeAt?: number };

/** Descriptors on an interface, and how a message leaves by them. */
export type Opened<Sent> = {
  readonly packets: number;
  /** Occupies the client's UDP port; absent where another program has it. */
  readonly port?: number;
  readonly frame: (sent: Sent) => Uint8Array;
};

/** What DHCPv4 and DHCPv6 do not share, for the client of one record. */
export type Protocol<State extends ClientState, Message, Sent> = {
  /** A client that does nothing yet. */
  readonly idle: State;
  /** A client that holds a lease from before. */
  readonly bound: (lease: Lease) => State;
  readonly step: (
    state: State,
    event: Event<Message>,
    now: number,
    random: () => number,
  ) => Step<State, Sent>;
  /** Opens sockets in the namespace that this thread is in; undefined while there is no address to speak from. */
  readonly open: (netlink: Netlink, link: Link) => Result<Opened<Sent> | undefined, NetnsError>;
  /** What came in an Ethernet frame of `ethertype`. */
  readonly read: (
    payload: Uint8Array,
  ) => Result<{ readonly message: Message; readonly from: Address }, Malformed>;
  readonly ethertype: number;
  /** The frame for a message that another interface sends in the place of the pod's, which is gone. */
  readonly frameFromAfar: (sent: Sent) => Uint8Array;
  /** Whether another host uses the address: answers once, unless the probe is ended before. */
  readonly probe: (address: Address, answer: (conflict: boolean) => void) => Probe;
};

export type Probe = { readonly end: () => void };
