/** The kinds of DHCPv6 messages that a client sends or gets (RFC 8415 section 7.3). */
export type MessageType =
  | "SOLICIT"
  | "ADVERTISE"
  | "REQUEST"
  | "CONFIRM"
  | "RENEW"
  | "REBIND"
  | "REPLY"
  | "RELEASE"
  | "DECLINE"
  | "RECONFIGURE"
  | "INFORMATION-REQUEST";

/** One option, its value as it lies in the packet: IA_NA and the like hold options of their own. */
export type Option = { readonly code: number; readonly value: Uint8Array };

/** A DHCPv6 message between client and server (RFC 8415 section 8). */
export type Message = {
  readonly type: MessageType;
  /** The transaction: 24 bits. */
  readonly xid: number;
  /** In the order of the packet; some may come more than once. */
  readonly options: readonly Option[];
};

/** The options that the client knows (RFC 8415 section 21, RFC 3646, RFC 5908, RFC 8415 section 21.24). */
export const OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  elapsedTime: 8,
  statusCode: 13,
  rapidCommit: 14,
  dns: 23,
  domainList: 24,
  iaPd: 25,
  iaPrefix: 26,
  ntp: 56,
  solicitMaxRt: 82,
} as const;
