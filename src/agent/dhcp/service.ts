import type { Clock } from "../../clock.ts";
import type { Attachment } from "../../cni/attachments.ts";
import { CniCode, type CniError, cniError } from "../../cni/error.ts";
import type { Lease } from "../../dhcp/lease.ts";
import { describeLeases } from "../../ipam/dhcp.ts";
import type { Leases, LeaseWish } from "../../ipam/leases.ts";
import type { Log } from "../../log.ts";
import { type Interface, prepareInterface } from "../../netns/interface.ts";
import { err, ok, type Result } from "../../result.ts";
import type { Caller } from "../batching.ts";
import type { Registry } from "../metrics.ts";
import { faultOf } from "./apply.ts";
import type { LeaseBook } from "./book.ts";
import { holderFailure, interfaceFailure } from "./failure.ts";
import { Holders } from "./holders.ts";
import { LeaseMetrics } from "./metrics.ts";
import { areSame, recordsOf } from "./new-record.ts";
import type { LeaseRecord } from "./record.ts";
import { Releases } from "./releases.ts";
import { type LeaseRow, rowOf } from "./rows.ts";
import type { DhcpSettings } from "./settings.ts";
import { settleBy } from "./settle.ts";
import { Slots } from "./slots.ts";
import { Sweep } from "./sweep.ts";

export type ServiceOptions = {
  readonly clock: Clock;
  readonly book: LeaseBook;
  readonly settings: DhcpSettings;
  readonly registry: Registry;
  readonly log: Log;
  /** Told what befell a lease that a pod uses. Must not wait. */
  readonly notify: (record: LeaseRecord, reason: string, message: string) => void;
};

/**
 * So many exchanges with servers at once. A server that syncs its lease file answers some fifty a second: more would wait for it
 * longer than the second after which a client asks again, and all would get slower.
 */
const AT_ONCE = 32;
/** The answer of an ADD leaves so long before its caller stops waiting; milliseconds. */
const HEADROOM = 500;

/** The DHCP role of a daemon: the leases of a node, from the ADD of an interface to its DEL, across restarts. */
export class LeaseService {
  readonly #options: ServiceOptions;
  readonly #metrics: LeaseMetrics;
  readonly #releases: Releases;
  readonly #holders: Holders;
  readonly #slots = new Slots(AT_ONCE);
  readonly #sweep: Sweep;

  /** Takes up the leases of the journal. */
  constructor(options: ServiceOptions) {
    const { clock, book, settings, registry, log, notify } = options;
    this.#options = options;
    const metrics = new LeaseMetrics(registry, () => this.#holders.states());
    const releases = new Releases({ clock, settings, metrics, log });
    this.#metrics = metrics;
    this.#releases = releases;
    this.#holders = new Holders({ clock, book, settings, metrics, releases, log, notify });
    const { records, damaged } = book.all();
    for (const what of damaged) log("error", "a lease of the journal cannot be read", { what });
    this.#holders.takeUp(records);
    this.#sweep = new Sweep({
      clock,
      interval: settings.sweep,
      log,
      holders: () => this.#holders.all(),
      release: (attachment) => this.#holders.release(attachment),
      book,
    });
  }

  /** The service as one caller sees it. */
  for(caller: Caller): Leases {
    return {
      acquire: (wish) => this.#acquire(wish, caller),
      check: async (attachment) => this.#check(attachment),
      release: (attachment) => this.#holders.release(attachment),
      collect: (network, keep) => this.#holders.collect(network, keep),
      status: () => ok(undefined),
    };
  }

  /** For people. */
  rows(): readonly LeaseRow[] {
    const { clock } = this.#options;
    return this.#holders.all().map((holder) => rowOf(holder, clock));
  }

  /** Stops without giving anything back: the journal goes on with it. */
  stop(): void {
    this.#sweep.stop();
    this.#releases.stop();
    this.#holders.stop();
    this.#options.book.close();
  }

  async #acquire(wish: LeaseWish, caller: Caller): Promise<Result<readonly Lease[], CniError>> {
    const { clock, settings, log } = this.#options;
    const started = clock.elapsed();
    const { attachment } = wish;
    const seen = prepareInterface(`${settings.hostPrefix}${wish.netns}`, attachment.ifname);
    if (!seen.ok) return err(interfaceFailure(seen.error, attachment.ifname));
    const deadline = caller.deadline - HEADROOM;
    const held = await this.#slots.run(deadline - started, clock, async () =>
      caller.gone() ? undefined : this.#hold(wish, seen.value, deadline, caller),
    );
    if (held === undefined) {
      const what = `${attachment.ifname}: no turn in time, since others wait for DHCP servers`;
      return err(cniError(CniCode.tryAgainLater, what, `${AT_ONCE} are asked for at once; try again`));
    }
    if (held.ok) {
      const ms = Math.round(clock.elapsed() - started);
      log("verbose", "leases given", { ...about(wish), address: describeLeases(held.value), ms });
    }
    return held;
  }

  async #hold(
    wish: LeaseWish,
    seen: Interface,
    deadline: number,
    caller: Caller,
  ): Promise<Result<readonly Lease[], CniError>> {
    const { clock, book } = this.#options;
    const { attachment } = wish;
    await this.#holders.settled(attachment);
    const wanted = recordsOf(wish, seen, clock.elapsed());
    let holders = this.#holders.get(attachment);
    const held = holders.map(({ record }) => record);
    const isNew = !areSame(held, wanted);
    if (isNew && holders.length > 0) {
      // The same sandbox and name with another interface: what was leased for the old one goes back first.
      const released = await this.#holders.release(attachment);
      if (!released.ok) return released;
    }
    void book.forgetEnd(attachment);
    if (isNew) holders = this.#holders.add(attachment, wanted);
    const waiting = holders.map((holder) => holder.ready());
    if (isNew) for (const holder of holders) holder.start();
    const results = await settleBy(deadline, caller, clock, waiting);
    const leases = results.flatMap((result) => (result?.ok ? [result.value] : []));
    if (leases.length === holders.length) return ok(leases);
    // All or nothing: the runtime asks anew, and waits until what may have been leased is given back.
    if (isNew) void this.#holders.release(attachment);
    this.#metrics.failed();
    const errors = results.map((result) =>
      result?.ok ? undefined : (result?.error ?? { code: "late" as const }),
    );
    return err(holderFailure(errors, attachment.ifname));
  }

  #check(attachment: Attachment): Result<readonly Lease[], CniError> {
    const holders = this.#holders.get(attachment);
    const fail = (what: string, hint: string) =>
      err(cniError(CniCode.checkFailed, `CHECK: ${attachment.ifname}: ${what}`, hint));
    if (holders.length === 0) return fail("no lease is known for it", "restart the pod");
    for (const { record } of holders) {
      const fault = faultOf(record);
      if (fault !== undefined)
        return fail(fault, "berth leases shows the lease; restart the pod if it stays");
    }
    return ok(holders.flatMap(({ record: { lease } }) => (lease ? [lease] : [])));
  }
}

function about({ attachment, network, pod }: LeaseWish) {
  return {
    verb: "ADD",
    sandbox: attachment.containerId,
    ifname: attachment.ifname,
    network,
    ...(pod && { pod }),
  };
}
