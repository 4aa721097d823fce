import type { Address } from "../../src/ip/address.ts";
import type { SliceRow } from "../../src/store/kubernetes/slices/journal.ts";

/** One interface of a running sandbox: it uses the addresses that an ADD has told its runtime. */
export type User = {
  readonly podref: string;
  readonly uid: string;
  readonly sandbox: string;
  readonly ifname: string;
  readonly node: string;
  /** Whether the plugin is Go whereabouts, which neither fences by sandbox nor keeps all promises. */
  readonly isGo: boolean;
};

/** What an ADD has told. */
export type Given = {
  readonly networkName: string;
  readonly overlapCheck: boolean;
  /** The addresses of the result, with the prefix length of their range. */
  readonly ips: readonly string[];
  /** They are of slices of the node. */
  readonly isSliced: boolean;
  /** Slices are written to the API server before the answer. */
  readonly isWrittenThrough: boolean;
  /** What the node's disk says of an address of its slices. */
  readonly rowOf: (pool: string, offset: string) => SliceRow | undefined;
};

/** One address that an interface uses. */
export type Holding = {
  readonly user: User;
  readonly address: Address;
  readonly text: string;
  readonly networkName: string;
  readonly overlapCheck: boolean;
  readonly isSliced: boolean;
  /** Name of the IPPool, and the offset in it. */
  readonly pool: string;
  readonly offset: string;
};

/** What must never happen, as one sentence. */
export class Violation extends Error {
  /** Which promise is broken, for telling failures apart. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.rule = rule;
  }
}

export function nameOf({ user }: { readonly user: User }): string {
  return `${user.podref} ${user.ifname} (${user.sandbox} on ${user.node})`;
}
