import { iaidOfName } from "../client-id.ts";
import { OPTION } from "./message.ts";
import type { ClientConfig, Timing } from "./state.ts";

export const DEFAULT_TIMING: Timing = {
  firstWait: 1_000,
  longestWait: 3_600_000,
  collect: 100,
  budget: 208_000,
};

/** RFC 8415 section 21.7 demands the last one. */
export const DEFAULT_REQUEST: readonly number[] = [
  OPTION.dns,
  OPTION.domainList,
  OPTION.ntp,
  OPTION.solicitMaxRt,
];

/** The options that the machine itself fills in; `provide` does not reach them. */
export const OWN_OPTIONS: ReadonlySet<number> = new Set([
  OPTION.clientId,
  OPTION.serverId,
  OPTION.iaNa,
  OPTION.iaAddress,
  OPTION.optionRequest,
  OPTION.elapsedTime,
  OPTION.statusCode,
  OPTION.rapidCommit,
  OPTION.iaPd,
  OPTION.iaPrefix,
]);

export type ClientWish = {
  readonly duid: Uint8Array;
  /** The IAID comes from it. */
  readonly ifname: string;
  readonly request?: readonly number[];
  readonly provide?: ReadonlyMap<number, Uint8Array>;
  readonly rapidCommit?: boolean;
  readonly delegation?: boolean;
  readonly probe?: boolean;
  readonly timing?: Partial<Timing>;
};

/** One client, with defaults for what is left out. */
export function clientConfig(wish: ClientWish): ClientConfig {
  return {
    duid: wish.duid,
    iaid: iaidOfName(wish.ifname),
    request: [...new Set([...DEFAULT_REQUEST, ...(wish.request ?? [])])],
    provide: new Map([...(wish.provide ?? [])].filter(([code]) => !OWN_OPTIONS.has(code))),
    rapidCommit: wish.rapidCommit ?? true,
    delegation: wish.delegation ?? false,
    probe: wish.probe ?? true,
    timing: { ...DEFAULT_TIMING, ...wish.timing },
  };
}
