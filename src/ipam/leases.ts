import type { Attachment } from "../cni/attachments.ts";
import type { CniError } from "../cni/error.ts";
import type { ReplyFrame } from "../cni/wire.ts";
import type { DhcpConfig } from "../config/index.ts";
import type { Lease } from "../dhcp/lease.ts";
import type { Result } from "../result.ts";

/** What one ADD of the dhcp plugin asks for. */
export type LeaseWish = {
  readonly attachment: Attachment;
  /** The path of the pod's network namespace. */
  readonly netns: string;
  /** `name` of the network configuration. */
  readonly network: string;
  /** `namespace/name`, or "" where the runtime does not say. */
  readonly pod: string;
  /** Of the pod, where the runtime says it. */
  readonly uid?: string;
  /** Option 12; "" sends none. */
  readonly hostName: string;
  /** Values of `provide` by the number of the option. */
  readonly provide: ReadonlyMap<number, Uint8Array>;
  readonly config: Pick<
    DhcpConfig,
    "clientId" | "ipv6" | "onChange" | "probe" | "probeTiming" | "request" | "priority"
  >;
};

/** The leases of a node. Addresses of DHCPv4 come before those of DHCPv6. */
export interface Leases {
  /** All leases of the interface, or none. Durable when it returns; asking again gives the same. */
  acquire(wish: LeaseWish): Promise<Result<readonly Lease[], CniError>>;
  /** What the interface holds now; an error if a lease is lost or the interface does not carry it. */
  check(attachment: Attachment): Promise<Result<readonly Lease[], CniError>>;
  /** Gives the leases of the interface back. Nothing to give back is no error. */
  release(attachment: Attachment): Promise<Result<void, CniError>>;
  /** Gives back what a network's leases hold besides `keep`. */
  collect(network: string, keep: readonly Attachment[]): Promise<Result<void, CniError>>;
  /** Whether an ADD could be recorded now. */
  status(): Result<void, CniError>;
}

/** Who keeps the leases, as seen from one call. */
export type DhcpAccess =
  | { readonly kind: "here"; readonly leases: Leases }
  /** The daemon behind a socket. */
  | {
      readonly kind: "daemon";
      /** Hands the call on as it is; the error says why there was no answer. */
      readonly ask: (socket: string) => Promise<Result<ReplyFrame, string>>;
      /** Writes down that an attachment has ended, for the daemon to read when it is back. */
      readonly ended: (attachment: Attachment) => Promise<Result<void, string>>;
    };
