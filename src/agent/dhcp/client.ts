import type { Clock } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { PhaseName } from "../../dhcp/machine.ts";
import type { Log } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { Result } from "../../result.ts";
import { openClient4 } from "./client4.ts";
import type { LeaseEvents } from "./driver.ts";
import type { LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

/** The client of one lease, of DHCPv4 or DHCPv6. */
export interface Client {
  phase(): PhaseName;
  /** Gets a lease. */
  start(): void;
  /** Goes on with a lease from before: in silence until T1, has it confirmed after that, loses it if its time is over. */
  resume(lease: Lease): void;
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
  return openClient4(record, options);
}
