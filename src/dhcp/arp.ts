import { type Address, sameAddress } from "../ip/address.ts";
import { ok, type Result } from "../result.ts";
import { address4, bytesOfAddress, joined, NO_ADDRESS, sameBytes, uint16 } from "./bytes.ts";
import type { Random } from "./machine.ts";
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

/** `rfc5227`: as the RFC has it, four to seven seconds. `fast`: 25 ms, in which a neighbour that is awake answers. */
export type ProbeTiming = "fast" | "rfc5227";

/** RFC 5227 section 1.1, in milliseconds. */
const PROBE_WAIT = 1_000;
const PROBE_MIN = 1_000;
const PROBE_MAX = 2_000;
const ANNOUNCE_WAIT = 2_000;
/** Between the two announcements of an address. */
export const ANNOUNCE_INTERVAL = 2_000;

/** When probes go out, and when silence means that the address is free: milliseconds from now. */
export function probeTimes(
  timing: ProbeTiming,
  random: Random,
): { readonly probes: readonly number[]; readonly silence: number } {
  if (timing === "fast") return { probes: [0, 12], silence: 25 };
  const first = random() * PROBE_WAIT;
  const gap = () => PROBE_MIN + random() * (PROBE_MAX - PROBE_MIN);
  const second = first + gap();
  const third = second + gap();
  return { probes: [first, second, third], silence: third + ANNOUNCE_WAIT };
}
