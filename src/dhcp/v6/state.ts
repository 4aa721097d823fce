import type { Address } from "../../ip/address.ts";
import type { InterfaceAddress } from "../../ip/cidr.ts";
import type { Lease } from "../lease.ts";
import type { Attempt as CommonAttempt, Effect, Event, State, Step } from "../machine.ts";
import type { Message } from "./message.ts";

/** How long the client waits and for how long it tries. All in milliseconds. */
export type Timing = {
  /** SOL_TIMEOUT and REQ_TIMEOUT (RFC 8415 section 7.6: 1 s). */
  readonly firstWait: number;
  /** SOL_MAX_RT (3,600 s), unless a server says otherwise. */
  readonly longestWait: number;
  /** How long to wait for better ADVERTISEs after the first. The RFC says for `firstWait`; a pod waits. */
  readonly collect: number;
  /** For how long an acquisition tries before it fails. After a lost lease it tries without end. */
  readonly budget: number;
};

/** What one DHCPv6 client is, for its whole life. `clientConfig` makes one. */
export type ClientConfig = {
  /** The client's DUID (RFC 8415 section 11); see ../client-id.ts. */
  readonly duid: Uint8Array;
  /** The identity association of the interface: 32 bits. */
  readonly iaid: number;
  /** Option 6: what to ask the server for. */
  readonly request: readonly number[];
  /** Options to send as they are. */
  readonly provide: ReadonlyMap<number, Uint8Array>;
  /** Two messages instead of four, where the server will (RFC 8415 section 21.14). */
  readonly rapidCommit: boolean;
  /** Also ask for a prefix to delegate. */
  readonly delegation: boolean;
  /** Let the driver detect duplicates before the address is bound (RFC 4862 section 5.4). */
  readonly probe: boolean;
  readonly timing: Timing;
};

/** A message that is sent until answered (RFC 8415 section 15). */
export type Exchange = {
  readonly xid: number;
  readonly sent: number;
  readonly since: number;
  readonly lastSentAt: number;
  /** RT: the last wait, in milliseconds. */
  readonly wait: number;
};

/** SOL_MAX_RT as a server states it (RFC 8415 section 21.24) goes with the attempt. */
export type Attempt = CommonAttempt & { readonly longestWait?: number };

/** What a server offers. */
export type Advert = {
  readonly serverDuid: Uint8Array;
  /** Where it came from. */
  readonly from: Address;
  /** Option 7: 0 to 255, the greatest wins. */
  readonly preference: number;
  readonly address: Address;
  readonly prefixes: readonly InterfaceAddress[];
};

export type Phase =
  | { readonly name: "idle" }
  | { readonly name: "waiting"; readonly attempt: Attempt }
  | {
      readonly name: "selecting";
      readonly attempt: Attempt;
      readonly exchange: Exchange;
      /** The best first. */
      readonly adverts: readonly Advert[];
    }
  | {
      readonly name: "requesting";
      readonly attempt: Attempt;
      readonly exchange: Exchange;
      readonly advert: Advert;
      readonly others: readonly Advert[];
    }
  | { readonly name: "checking"; readonly attempt: Attempt; readonly lease: Lease }
  | {
      readonly name: "declining";
      readonly attempt: Attempt;
      readonly lease: Lease;
      readonly exchange: Exchange;
    }
  | { readonly name: "bound"; readonly lease: Lease }
  | { readonly name: "renewing"; readonly lease: Lease; readonly exchange: Exchange }
  | { readonly name: "rebinding"; readonly lease: Lease; readonly exchange: Exchange }
  | { readonly name: "rebooting"; readonly lease: Lease; readonly exchange: Exchange }
  | { readonly name: "releasing"; readonly lease: Lease; readonly exchange: Exchange };

export type ClientState = State<ClientConfig, Phase>;

/** A message to send from UDP port 546 of a link-local address to port 547 of ff02::1:2 on the link. */
export type Send = { readonly kind: "send"; readonly message: Message };

export type ClientEvent = Event<Message>;
export type ClientEffect = Effect<Send>;
export type ClientStep = Step<ClientState, Send>;
