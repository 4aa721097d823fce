import { bytesOf32, joined, textBytes } from "./bytes.ts";

/** How a client names itself to the server: option 61 of DHCPv4, DUID and IAID of DHCPv6. */

/** RFC 2132: an option has room for 255 bytes, one of which is the type. */
const LONGEST = 254;
const TEXT = 0;
const ETHERNET = 1;
const DUID = 255;
const FNV_PRIME = (1n << 88n) + 0x13bn;

/** As the Go daemon: `containerID/network/interface`, cut to 254 bytes. A pod whose sandbox is replaced is a new client. */
export function sandboxClientId(containerId: string, network: string, ifname: string): Uint8Array {
  return joined(Uint8Array.of(TEXT), textBytes(`${containerId}/${network}/${ifname}`).subarray(0, LONGEST));
}

/** Who asks, however often its sandbox is replaced. */
export type PodInterface = {
  readonly namespace: string;
  readonly pod: string;
  readonly network: string;
  readonly ifname: string;
};

/** `namespace/pod/network/interface`; where that is too long a hash of the whole stands for its end. */
export function podClientId({ namespace, pod, network, ifname }: PodInterface): Uint8Array {
  const name = textBytes(`${namespace}/${pod}/${network}/${ifname}`);
  if (name.length <= LONGEST) return joined(Uint8Array.of(TEXT), name);
  const digest = textBytes(hex(fnv128(name)));
  return joined(Uint8Array.of(TEXT), name.subarray(0, LONGEST - digest.length), digest);
}

/** RFC 2132 section 9.14: the type of the hardware and its address. */
export function macClientId(mac: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(ETHERNET), mac);
}

/** RFC 4361: the same name to DHCPv4 and DHCPv6 servers. */
export function duidClientId(iaid: number, duid: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(DUID), bytesOf32(iaid), duid);
}

/** DUID-LL (RFC 8415 section 11.4): from the MAC address of the interface. */
export function duidOfMac(mac: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(0, 3, 0, 1), mac);
}

/** DUID-UUID (RFC 6355) from 128 bits of hash of a name that no other client has, such as a client id. */
export function duidOfName(name: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(0, 4), bytesOf128(fnv128(name)));
}

/** A number for an interface within one DUID (RFC 8415 section 12). */
export function iaidOfName(name: string): number {
  return Number(fnv128(textBytes(name)) & 0xffff_ffffn);
}

/** FNV-1a with 128 bits (draft-eastlake-fnv): spreads names; keeps no secrets. */
function fnv128(bytes: Uint8Array): bigint {
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of bytes) {
    hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return hash;
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(32, "0");
}

function bytesOf128(hash: bigint): Uint8Array {
  return Uint8Array.fromHex(hex(hash));
}
