import { type Address, sameAddress } from "../ip/address.ts";
import { ok, type Result } from "../result.ts";
import { address4, bytesOfAddress, joined, NO_ADDRESS, sameBytes, uint16 } from "./bytes.ts";
import { type Malformed, malformed } from "./malformed.ts";

/** ARP over Ethernet for IPv4 (RFC 826), without the Ethernet header. */
export type Arp = {
  readonly operation: "request" | "reply";
  readonly senderMac: Uint8Array;
  readonly senderAddress: Address;
  readonly targetMac: Uint8Array;
  readonly targetAddress: Address;
};

const LENGTH = 28;
const ETHERNET_IPV4 = Uint8Array.of(0, 1, 8, 0, 6, 4);
const NO_MAC = new Uint8Array(6);

export function encodeArp(arp: Arp): Uint8Array {
  return joined(
    ETHERNET_IPV4,
    Uint8Array.of(0, arp.operation === "request" ? 1 : 2),
    arp.senderMac,
    bytesOfAddress(arp.senderAddress),
    arp.targetMac,
    bytesOfAddress(arp.targetAddress),
  );
}

/** Never throws; what Ethernet padded behind is left out. */
export function decodeArp(bytes: Uint8Array): Result<Arp, Malformed> {
  if (bytes.length < LENGTH) return malformed(`${bytes.length} bytes are no ARP packet`);
  if (!sameBytes(bytes.subarray(0, 6), ETHERNET_IPV4)) return malformed("not ARP for IPv4 over Ethernet");
  const operation = uint16(bytes, 6);
  if (operation !== 1 && operation !== 2) return malformed(`ARP operation ${operation}`);
  return ok({
    operation: operation === 1 ? "request" : "reply",
    senderMac: bytes.slice(8, 14),
    senderAddress: address4(bytes, 14),
    targetMac: bytes.slice(18, 24),
    targetAddress: address4(bytes, 24),
  });
}

/** Asks who has the address without claiming it (RFC 5227 section 2.1.1). */
export function arpProbe(mac: Uint8Array, address: Address): Arp {
  return {
    operation: "request",
    senderMac: mac,
    senderAddress: NO_ADDRESS,
    targetMac: NO_MAC,
    targetAddress: address,
  };
}

/** Tells the neighbours that the address is at this MAC address now (RFC 5227 section 2.3). */
export function arpAnnouncement(mac: Uint8Array, address: Address): Arp {
  return { ...arpProbe(mac, address), senderAddress: address };
}

/**
 * Whether the packet shows that another host has the address, or is probing for it at this moment
 * (RFC 5227 section 2.1.1). `mac` is our own.
 */
export function showsConflict(arp: Arp, mac: Uint8Array, address: Address): boolean {
  if (sameBytes(arp.senderMac, mac)) return false;
  if (sameAddress(arp.senderAddress, address)) return true;
  const probe = arp.operation === "request" && sameAddress(arp.senderAddress, NO_ADDRESS);
  return probe && sameAddress(arp.targetAddress, address);
}
