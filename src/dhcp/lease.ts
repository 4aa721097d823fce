import type { Dns, Route } from "../cni/result.ts";
import type { Address, Family } from "../ip/address.ts";
import type { InterfaceAddress } from "../ip/cidr.ts";

/**
 * When a lease was had and when it ends, in milliseconds of the clock that the machine is stepped with (see `shiftLease`).
 * An infinite lease has none of the optional ones.
 */
export type LeaseTimes = {
  readonly obtainedAt: number;
  /** T1: ask the server that gave it. */
  readonly renewAt?: number;
  /** T2: ask any server. */
  readonly rebindAt?: number;
  /** DHCPv6 only: from here on the address should start no new connections. */
  readonly preferredUntil?: number;
  readonly expiresAt?: number;
};

/** A prefix that a DHCPv6 server delegated (RFC 8415 section 21.22). */
export type DelegatedPrefix = { readonly prefix: InterfaceAddress; readonly expiresAt?: number };

/** What a DHCP server gave to one interface, in terms of CNI. Plain data. */
export type Lease = {
  readonly family: Family;
  /** DHCPv4: with the prefix length of option 1. DHCPv6: a /128, since the prefix is the router's to announce. */
  readonly address: InterfaceAddress;
  /** DHCPv4: the server identifier (option 54). DHCPv6: where the answer came from. */
  readonly server: Address;
  /** DHCPv6: the DUID of the server, in hex. */
  readonly serverDuid?: string;
  /** The first router (option 3). */
  readonly gateway?: Address;
  /** In the order of the server: option 121 (or 249) alone, else option 33 and a default route to the first router. */
  readonly routes: readonly Route[];
  readonly dns: Dns;
  readonly ntp: readonly Address[];
  readonly mtu?: number;
  /** DHCPv6: delegated prefixes. */
  readonly delegated: readonly DelegatedPrefix[];
  readonly times: LeaseTimes;
  /** All options of the server's last answer: number to value in hex. */
  readonly options: { readonly [code: string]: string };
};

/** Whether the interface looks the same under both: all but the times, the server and the raw options. */
export function sameConfiguration(a: Lease, b: Lease): boolean {
  return configurationOf(a) === configurationOf(b);
}

function configurationOf({ address, gateway, routes, dns, ntp, mtu, delegated }: Lease): string {
  const prefixes = delegated.map(({ prefix }) => prefix);
  return JSON.stringify([address, gateway, routes, dns, ntp, mtu, prefixes], (_, value) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}
