import type { Address } from "../../ip/address.ts";
import { bytesOf16, bytesOfAddress, NO_ADDRESS, textBytes } from "../bytes.ts";
import type { Lease } from "../lease.ts";
import { type Message, type MessageType, OPTION } from "./message.ts";
import type { ClientConfig, Exchange, Offer, Send } from "./state.ts";

/** What the client says in each state: RFC 2131 tables 4 and 5. */

/** What fits into an Ethernet frame of 1,500 bytes (option 57). */
const LONGEST_ANSWER = 1472;

export function discover(config: ClientConfig, exchange: Exchange, now: number, wish?: Address): Send {
  const options = new Map(wish ? [[OPTION.requestedAddress, bytesOfAddress(wish)]] : []);
  return broadcast(message(config, "DISCOVER", exchange, now, { options: [...options, ...wishes(config)] }));
}

/** SELECTING: to the server of the offer, and for the others to hear that they were not taken. */
export function requestOffer(config: ClientConfig, exchange: Exchange, now: number, offer: Offer): Send {
  const options: [number, Uint8Array][] = [
    [OPTION.requestedAddress, bytesOfAddress(offer.address)],
    [OPTION.serverId, bytesOfAddress(offer.server)],
    ...wishes(config),
  ];
  return broadcast(message(config, "REQUEST", exchange, now, { options }));
}

/** INIT-REBOOT: any server may confirm or refuse. */
export function requestAgain(config: ClientConfig, exchange: Exchange, now: number, lease: Lease): Send {
  const options: [number, Uint8Array][] = [
    [OPTION.requestedAddress, bytesOfAddress(lease.address.address)],
    ...wishes(config),
  ];
  return broadcast(message(config, "REQUEST", exchange, now, { options }));
}

/** RENEWING: to the server that gave the lease. REBINDING: to all. */
export function requestMore(
  config: ClientConfig,
  exchange: Exchange,
  now: number,
  lease: Lease,
  phase: "renewing" | "rebinding",
): Send {
  const ciaddr = lease.address.address;
  const sent = message(config, "REQUEST", exchange, now, { ciaddr, options: wishes(config) });
  if (phase === "rebinding") return broadcast(sent, ciaddr);
  return { kind: "send", message: sent, from: ciaddr, to: { kind: "unicast", server: lease.server } };
}

/** Another host uses the address. */
export function decline(config: ClientConfig, exchange: Exchange, now: number, lease: Lease): Send {
  const options: [number, Uint8Array][] = [
    [OPTION.requestedAddress, bytesOfAddress(lease.address.address)],
    [OPTION.serverId, bytesOfAddress(lease.server)],
  ];
  return broadcast(message(config, "DECLINE", exchange, now, { options }));
}

/**
 * The lease goes back. An address that the interface does not carry yet cannot send a unicast; a broadcast reaches the
 * server as well.
 */
export function release(
  config: ClientConfig,
  exchange: Exchange,
  now: number,
  lease: Lease,
  isBound: boolean,
): Send {
  const ciaddr = lease.address.address;
  const options: [number, Uint8Array][] = [[OPTION.serverId, bytesOfAddress(lease.server)]];
  const sent = message(config, "RELEASE", exchange, now, { ciaddr, options });
  if (!isBound) return broadcast(sent, ciaddr);
  return { kind: "send", message: sent, from: ciaddr, to: { kind: "unicast", server: lease.server } };
}

/** What only DISCOVER and REQUEST carry: RFC 2131 table 5 keeps it out of DECLINE and RELEASE. */
function wishes(config: ClientConfig): [number, Uint8Array][] {
  return [
    ...(config.hostName ? [[OPTION.hostName, textBytes(config.hostName)] as [number, Uint8Array]] : []),
    [OPTION.maxMessageSize, bytesOf16(LONGEST_ANSWER)],
    ...(config.request.length > 0
      ? [[OPTION.parameterList, Uint8Array.from(config.request)] as [number, Uint8Array]]
      : []),
    ...config.provide,
  ];
}

function message(
  config: ClientConfig,
  type: MessageType,
  { xid, since }: Exchange,
  now: number,
  more: { readonly ciaddr?: Address; readonly options: readonly [number, Uint8Array][] },
): Message {
  const ciaddr = more.ciaddr ?? NO_ADDRESS;
  const isWaiting = type === "DISCOVER" || type === "REQUEST";
  return {
    op: "request",
    type,
    xid,
    secs: isWaiting ? Math.max(0, Math.floor((now - since) / 1000)) : 0,
    // A client that has its address gets unicasts (RFC 2131 section 4.1).
    broadcast: isWaiting && config.broadcast && ciaddr.value === 0n,
    ciaddr,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: NO_ADDRESS,
    chaddr: config.mac,
    options: new Map([[OPTION.clientId, config.clientId], ...more.options]),
  };
}

function broadcast(sent: Message, from: Address = NO_ADDRESS): Send {
  return { kind: "send", message: sent, from, to: { kind: "broadcast" } };
}
