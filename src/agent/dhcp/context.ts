import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { LeaseBook } from "./book.ts";
import type { LeaseMetrics } from "./metrics.ts";
import type { LeaseRecord } from "./record.ts";
import type { Releases } from "./releases.ts";
import type { DhcpSettings } from "./settings.ts";

/** What all leases of a daemon share. */
export type HolderContext = {
  readonly clock: Clock;
  readonly book: LeaseBook;
  readonly settings: DhcpSettings;
  readonly metrics: LeaseMetrics;
  readonly releases: Releases;
  readonly log: Log;
  /** Tells the pod's owners what happened to its lease. Must not wait. */
  readonly notify: (record: LeaseRecord, reason: string, message: string) => void;
};
