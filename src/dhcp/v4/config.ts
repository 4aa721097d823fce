import { macClientId } from "../client-id.ts";
import { OPTION } from "./message.ts";
import type { ClientConfig, Timing } from "./state.ts";

/**
 * A pod waits for the first answers, so they are asked for soon; the budget and the longest wait are those of the Go daemon.
 */
export const DEFAULT_TIMING: Timing = {
  firstWait: 1_000,
  longestWait: 62_000,
  budget: 208_000,
  declineWait: 10_000,
};

/**
 * What a server is asked for unless the configuration says otherwise. RFC 3442: classless routes before routers; RFC 3397 has no
 * order.
 */
export const DEFAULT_REQUEST: readonly number[] = [
  OPTION.subnetMask,
  OPTION.classlessRoutes,
  OPTION.routers,
  OPTION.staticRoutes,
  OPTION.dns,
  OPTION.domainName,
  OPTION.domainSearch,
  OPTION.mtu,
  OPTION.ntp,
  OPTION.leaseTime,
  OPTION.renewalTime,
  OPTION.rebindingTime,
];

/** The options that the machine itself fills in; `provide` does not reach them. */
export const OWN_OPTIONS: ReadonlySet<number> = new Set([
  0,
  OPTION.requestedAddress,
  OPTION.overload,
  OPTION.messageType,
  OPTION.serverId,
  OPTION.parameterList,
  255,
]);

export type ClientWish = {
  readonly mac: Uint8Array;
  /** Default: the MAC address. */
  readonly clientId?: Uint8Array;
  readonly hostName?: string;
  /** Entries of `request`, in their order. */
  readonly request?: readonly { readonly option: number; readonly skipDefault?: boolean }[];
  /** Entries of `provide` with their values; 61 and 12 win over `clientId` and `hostName`. */
  readonly provide?: ReadonlyMap<number, Uint8Array>;
  readonly broadcast?: boolean;
  readonly probe?: boolean;
  readonly timing?: Partial<Timing>;
};

/** One client, with defaults for what is left out. One `skipDefault` drops the whole default list, as upstream. */
export function clientConfig(wish: ClientWish): ClientConfig {
  const request = wish.request ?? [];
  const defaults = request.some(({ skipDefault }) => skipDefault) ? [] : DEFAULT_REQUEST;
  const provide = new Map([...(wish.provide ?? [])].filter(([code]) => !OWN_OPTIONS.has(code)));
  const clientId = provide.get(OPTION.clientId) ?? wish.clientId ?? macClientId(wish.mac);
  provide.delete(OPTION.clientId);
  return {
    mac: wish.mac,
    clientId,
    ...(wish.hostName && { hostName: wish.hostName }),
    request: [...new Set([...defaults, ...request.map(({ option }) => option)])],
    provide,
    broadcast: wish.broadcast ?? false,
    probe: wish.probe ?? true,
    timing: { ...DEFAULT_TIMING, ...wish.timing },
  };
}
