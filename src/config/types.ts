import type { AssignedAddress, Dns, Route } from "../cni/result.ts";
import type { Address } from "../ip/address.ts";
import type { Interval } from "../ip/interval.ts";
import type { AddressRange } from "../ip/range.ts";
import type { LogLevel } from "../log.ts";

export type { AssignedAddress, Dns, Route };

export type StaticConfig = {
  readonly addresses: readonly AssignedAddress[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
};

export type ProvidedOption = {
  /** The number of the DHCP option. */
  readonly option: number;
  readonly value?: string;
  /** A key of CNI_ARGS; where it is set its value wins over `value`. */
  readonly fromArg?: string;
};

export type RequestedOption = { readonly option: number; readonly skipDefault?: boolean };

export type DhcpConfig = {
  readonly daemonSocketPath: string;
  readonly provide: readonly ProvidedOption[];
  readonly request: readonly RequestedOption[];
  /** The metric of all routes; absent where none is to be set. */
  readonly priority?: number;
  /** What the server knows the pod by. */
  readonly clientId: "sandbox" | "pod" | "mac";
  readonly ipv6: boolean;
  /** What to do when the server changes the lease later. */
  readonly onChange: "apply" | "fail";
  /** Probe an address by ARP before it is used. */
  readonly probe: boolean;
  /** How long the probe takes: 25 ms, or the four to seven seconds of RFC 5227. */
  readonly probeTiming: "fast" | "rfc5227";
};

export type StoreChoice =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "kubernetes"; readonly kubeconfig: string; readonly context?: string };

export type RangeConfig = {
  /** Where it was configured, for messages: "ipam" or "ipam.ipRanges[0]". */
  readonly path: string;
  /** Already narrowed by range_start and range_end. */
  readonly range: AddressRange;
  /** What may be handed out: the range without `exclude` and the gateway, ascending. */
  readonly free: readonly Interval[];
  /** What `exclude` says, ascending and joined; may reach beyond the range. */
  readonly exclude: readonly Interval[];
  /** Prefix length of the slices that nodes get of it; absent: all nodes share the range. */
  readonly slicePrefix?: number;
};

export type { LogLevel };

export type WhereaboutsConfig = {
  /** One address each, in this order; empty where only `addresses` are wanted. */
  readonly ranges: readonly RangeConfig[];
  readonly addresses: readonly AssignedAddress[];
  readonly gateways: { readonly 4?: Address; readonly 6?: Address };
  readonly routes: readonly Route[];
  readonly dns: Dns;
  /** "" is the common name space. */
  readonly networkName: string;
  readonly overlapCheck: boolean;
  readonly store: StoreChoice;
  readonly log: { readonly file?: string; readonly level: LogLevel };
  readonly configurationPath?: string;
  readonly reconcilerCron?: string;
};

/** The flat file of the node: where it lies and what JSON it holds. */
export type FlatFile = { readonly path: string; readonly content: unknown };
