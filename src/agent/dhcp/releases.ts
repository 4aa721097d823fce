import type { Clock, Timer } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Log } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { Result } from "../../result.ts";
import { releaseFromAfar } from "./client.ts";
import type { LeaseEntry } from "./entry.ts";
import type { LeaseMetrics } from "./metrics.ts";
import { Pace } from "./pace.ts";
import { aboutOf, isKnownBySandbox, type LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

export type ReleasesOptions = {
  readonly clock: Clock;
  readonly settings: DhcpSettings;
  readonly metrics: LeaseMetrics;
  readonly log: Log;
};

/**
 * Nothing answers a release, and what does not fit into a server's socket buffer is lost: a hundred and more fit, and from then
 * on they go at the rate of a server that syncs its lease file. Milliseconds from one to the next.
 */
const AT_ONCE = 64;
const INTERVAL = 20;

/** Between the two releases of a lease, in milliseconds. */
const AGAIN = 500;

/** Gives back the leases of a daemon. */
export class Releases {
  readonly #options: ReleasesOptions;
  readonly #pace: Pace;
  /** Second releases that are still to be sent, by client identifier. */
  readonly #again = new Map<string, Timer>();

  constructor(options: ReleasesOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, AT_ONCE, INTERVAL);
  }

  /**
   * Gives back what the server has given, or may have, and forgets it. `end` ends the client, which tells the server through the
   * pod's interface; where it cannot, it is told past that.
   */
  async giveBack(
    entry: LeaseEntry,
    end: (given: Lease | undefined) => Promise<Result<void, NetnsError>>,
  ): Promise<Result<void, string>> {
    const { clock, log, metrics } = this.#options;
    const started = clock.elapsed();
    const { lease, intent } = entry.record;
    const given = lease ?? intent;
    if (given !== undefined) await this.#pace.turn();
    const sent = await end(given);
    if (given === undefined) return entry.remove();
    const { record } = entry;
    const by = sent.ok ? "its interface" : this.#sendFromAfar(record, given, sent.error.message);
    if (by !== undefined) this.#sendAgain(record, given);
    const removed = await entry.remove();
    if (!removed.ok) return removed;
    metrics.released(by !== undefined);
    if (by === undefined) return removed;
    log("verbose", "lease released", {
      ...aboutOf(record),
      address: formatAddress(given.address.address),
      by,
      ms: Math.round(clock.elapsed() - started),
      ...(lease === undefined && { confirmed: false }),
    });
    return removed;
  }

  /** A lease begins anew: it must not lose what it gets to the second release of the one before. */
  beginAnew({ client }: LeaseRecord): void {
    this.#again.get(client)?.cancel();
    this.#again.delete(client);
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#pace.stop();
    for (const timer of this.#again.values()) timer.cancel();
  }

  /** The interface is gone, as `why` says: as much as can be done from the node. What it was done by, if it was. */
  #sendFromAfar(record: LeaseRecord, given: Lease, why: string): string | undefined {
    const { clock, settings, log } = this.#options;
    const sent = releaseFromAfar(record, given, settings, clock);
    if (sent.ok) return `${record.parent} of the node`;
    log("error", "a lease cannot be given back and ends by its time", {
      ...aboutOf(record),
      address: formatAddress(given.address.address),
      why: `${why}; ${sent.error}`,
    });
    return undefined;
  }

  /**
   * RELEASE of DHCPv4 has no answer, so it goes out twice. Only where no other sandbox can have the same client identifier: the
   * second would take away what that one has got meanwhile.
   */
  #sendAgain(record: LeaseRecord, given: Lease): void {
    const { clock, settings } = this.#options;
    if (record.family !== 4 || !isKnownBySandbox(record)) return;
    const timer = clock.after(AGAIN, () => {
      this.#again.delete(record.client);
      releaseFromAfar(record, given, settings, clock);
    });
    this.#again.set(record.client, timer);
  }
}
