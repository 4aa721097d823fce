import type { Address } from "../../ip/address.ts";
import type { Lease } from "../lease.ts";
import type { Attempt, Effect, Event, State, Step } from "../machine.ts";
import type { Message } from "./message.ts";

/** How long the client waits and for how long it tries. All in milliseconds. */
export type Timing = {
  /** The wait after the first DISCOVER or REQUEST; it doubles from there. RFC 2131 section 4.1 says 4 s; a pod waits. */
  readonly firstWait: number;
  /** Where doubling ends: `-resendmax`. */
  readonly longestWait: number;
  /** For how long an acquisition tries before it fails: `-resendtimeout`. After a lost lease it tries without end. */
  readonly budget: number;
  /** The wait after a DECLINE (RFC 2131 section 3.1 item 5: ten seconds at least). */
  readonly declineWait: number;
};

/** What one client is, for its whole life. `clientConfig` makes one. */
export type ClientConfig = {
  /** The six bytes of the interface's MAC address. */
  readonly mac: Uint8Array;
  /** The whole value of option 61, its type byte first; see client-id.ts. */
  readonly clientId: Uint8Array;
  /** Option 12; absent or "" sends none. */
  readonly hostName?: string;
  /** Option 55: what to ask the server for, in this order. */
  readonly request: readonly number[];
  /** Options to send as they are; they win over the client's own. */
  readonly provide: ReadonlyMap<number, Uint8Array>;
  /** Ask servers to broadcast their answers (flag B). */
  readonly broadcast: boolean;
  /** Probe an address before it is bound. */
  readonly probe: boolean;
  readonly timing: Timing;
};

/** A series of transmissions of one message. */
export type Exchange = {
  readonly xid: number;
  /** How many have been sent. */
  readonly sent: number;
  readonly since: number;
};

/** An offer that is good enough to ask for. */
export type Offer = { readonly address: Address; readonly server: Address };

export type Phase =
  | { readonly name: "idle" }
  | { readonly name: "waiting"; readonly attempt: Attempt }
  | { readonly name: "selecting"; readonly attempt: Attempt; readonly exchange: Exchange }
  | {
      readonly name: "requesting";
      readonly attempt: Attempt;
      readonly exchange: Exchange;
      readonly offer: Offer;
      /** Offers of other servers, for when this one does not keep its word. */
      readonly others: readonly Offer[];
    }
  | { readonly name: "checking"; readonly attempt: Attempt; readonly lease: Lease }
  | { readonly name: "bound"; readonly lease: Lease }
  | { readonly name: "renewing"; readonly lease: Lease; readonly exchange: Exchange }
  | { readonly name: "rebinding"; readonly lease: Lease; readonly exchange: Exchange }
  | { readonly name: "rebooting"; readonly lease: Lease; readonly exchange: Exchange };

export type ClientState = State<ClientConfig, Phase>;

/**
 * A message to send from UDP port 68 to 67. A broadcast goes out as a frame of its own to 255.255.255.255 and the MAC broadcast address,
 * with `from` as its source (0.0.0.0 without an address). A unicast goes from the leased address through the kernel's routes and ARP.
 */
export type Send = {
  readonly kind: "send";
  readonly message: Message;
  readonly from: Address;
  readonly to: { readonly kind: "broadcast" } | { readonly kind: "unicast"; readonly server: Address };
};

export type ClientEvent = Event<Message>;
export type ClientEffect = Effect<Send>;
export type ClientStep = Step<ClientState, Send>;
