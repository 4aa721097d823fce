import type { Clock } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { PhaseName } from "../../dhcp/machine.ts";
import type { Log } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { Result } from "../../result.ts";
import { openClient4, releaseFromAfar4 } from "./client4.ts";
import { openClient6, releaseFromAfar6 } from "./client6.ts";
import type { LeaseEvents } from "./driver.ts";
import type { LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

/** The client of one lease, of DHCPv4 or DHCPv6. */
export interface Client {
  phase(): PhaseName;
  /** Gets a lease. */
  start(): void;
  /** Has a lease from before confirmed. */
  reboot(lease: Lease): void;
  /** Goes on with a lease from before as its time says: in silence until T1. One whose time is over is lost. */
  hold(lease: Lease): void;
  /** Tells the server; an error if the interface is gone. */
  release(): Promise<Result<void, NetnsError>>;
  stop(): void;
  /** Where the last message came from. */
  source(): Uint8Array | undefined;
}

export type ClientOptions = {
  readonly clock: Clock;
  readonly settings: DhcpSettings;
  readonly events: LeaseEvents;
  /** The MAC address that the server's last answer came from. */
  readonly via: () => Uint8Array | undefined;
  readonly log: Log;
  readonly malformed: (why: string) => void;
};

export function openClient(record: LeaseRecord, options: ClientOptions): Client {
  return record.family === 4 ? openClient4(record, options) : openClient6(record, options);
}

/**
 * Gives back the lease of an interface that is gone, from the node's interface to the same network. The error is for people.
 */
export function releaseFromAfar(
  record: LeaseRecord,
  lease: Lease,
  settings: DhcpSettings,
  clock: Clock,
): Result<void, string> {
  const release = record.family === 4 ? releaseFromAfar4 : releaseFromAfar6;
  return release(record, lease, settings, clock);
}
