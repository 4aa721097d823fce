import type { Address } from "../../ip/address.ts";

/** The kinds of DHCP messages: option 53 (RFC 2132 section 9.6). */
export type MessageType = "DISCOVER" | "OFFER" | "REQUEST" | "DECLINE" | "ACK" | "NAK" | "RELEASE" | "INFORM";

/** A DHCPv4 message (RFC 2131 section 2) over Ethernet. */
export type Message = {
  /** BOOTREQUEST from clients, BOOTREPLY from servers. */
  readonly op: "request" | "reply";
  readonly type: MessageType;
  /** The transaction: 32 bits. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** Whether the answer must be broadcast. */
  readonly broadcast: boolean;
  readonly ciaddr: Address;
  readonly yiaddr: Address;
  readonly siaddr: Address;
  readonly giaddr: Address;
  /** The six bytes of the client's MAC address. */
  readonly chaddr: Uint8Array;
  /**
   * All options by number, parts joined (RFC 3396), also those of `file` and `sname` (option 52); without pad, end, 52 and
   * 53.
   */
  readonly options: ReadonlyMap<number, Uint8Array>;
};

/** The options that the client knows (RFC 2132, RFC 3397, RFC 3442, RFC 3004). */
export const OPTION = {
  subnetMask: 1,
  routers: 3,
  dns: 6,
  hostName: 12,
  domainName: 15,
  mtu: 26,
  broadcastAddress: 28,
  staticRoutes: 33,
  ntp: 42,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientId: 61,
  userClass: 77,
  domainSearch: 119,
  classlessRoutes: 121,
  microsoftRoutes: 249,
} as const;
