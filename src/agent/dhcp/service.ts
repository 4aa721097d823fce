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
import type { LeaseBook } from "./book.ts";
import { holderFailure, interfaceFailure } from "./failure.ts";
import { Holder, type HolderContext, type HolderError } from "./holder.ts";
import { LeaseMetrics } from "./metrics.ts";
import { recordOf } from "./new-record.ts";
import { Pace } from "./pace.ts";
import type { LeaseRecord } from "./record.ts";
import { type LeaseRow, rowOf } from "./rows.ts";
import type { DhcpSettings } from "./settings.ts";
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
/**
 * Nothing answers a release, and what does not fit into a server's socket buffer is lost: a hundred and more fit, and from then
 * on they go at the rate of such a server. Milliseconds from one to the next.
 */
const RELEASES_AT_ONCE = 64;
const RELEASE_INTERVAL = 20;
/** The answer of an ADD leaves so long before its caller stops waiting; milliseconds. */
const HEADROOM = 500;

/** The DHCP role of a daemon: the leases of a node, from the ADD of an interface to its DEL, across restarts. */
export class LeaseService {
  readonly #options: ServiceOptions;
  readonly #context: HolderContext;
  readonly #holders = new Map<string, readonly Holder[]>();
  readonly #slots = new Slots(AT_ONCE);
  /** Releases under way: an ADD of the same attachment waits for its end. */
  readonly #ending = new Map<string, Promise<Result<void, CniError>>>();
  readonly #sweep: Sweep;

  /** Takes up the leases of the journal. */
  constructor(options: ServiceOptions) {
    const { clock, book, settings, log, notify } = options;
    this.#options = options;
    const metrics = new LeaseMetrics(options.registry, () => this.#states());
    const pace = new Pace(clock, RELEASES_AT_ONCE, RELEASE_INTERVAL);
    this.#context = { clock, book, settings, metrics, pace, again: new Map(), log, notify };
    const { records, damaged } = book.all();
    for (const what of damaged) log("error", "a lease of the journal cannot be read", { what });
    this.#takeUp(records);
    this.#sweep = new Sweep({
      clock,
      interval: settings.sweep,
      log,
      holders: () => [...this.#holders.values()].flat(),
      release: (attachment) => this.#release(attachment),
      book,
    });
  }

  /** The service as one caller sees it. */
  for(caller: Caller): Leases {
    return {
      acquire: (wish) => this.#acquire(wish, caller),
      check: async (attachment) => this.#check(attachment),
      release: (attachment) => this.#release(attachment),
      collect: (network, keep) => this.#collect(network, keep),
      status: () => ok(undefined),
    };
  }

  /** For people. */
  rows(): readonly LeaseRow[] {
    const { clock } = this.#options;
    return [...this.#holders.values()].flat().map((holder) => rowOf(holder, clock));
  }

  /** Stops without giving anything back: the journal goes on with it. */
  stop(): void {
    this.#sweep.stop();
    this.#context.pace.stop();
    for (const timer of this.#context.again.values()) timer.cancel();
    for (const holders of this.#holders.values()) for (const holder of holders) holder.stop();
    this.#options.book.close();
  }

  /** Goes on with what the journal says. An ADD that was cut off got no answer: what it may have leased goes back. */
  #takeUp(records: readonly LeaseRecord[]): void {
    for (const record of records) {
      const key = keyOf({ containerId: record.sandbox, ifname: record.ifname });
      this.#put(key, [...(this.#holders.get(key) ?? []), new Holder(record, this.#context)]);
    }
    let cutOff = 0;
    for (const holders of this.#holders.values()) {
      const [record] = holders.flatMap(({ record }) => (isCutOff(record) ? [record] : []));
      if (record === undefined) {
        for (const holder of holders) holder.adopt();
        continue;
      }
      cutOff++;
      void this.#release({ containerId: record.sandbox, ifname: record.ifname });
    }
    const { log } = this.#options;
    if (records.length > 0) log("verbose", "leases taken up again", { leases: records.length, cutOff });
  }

  #put(key: string, holders: readonly Holder[]): void {
    this.#holders.set(key, holders);
    for (const holder of holders) holder.together = holders;
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
    const { attachment } = wish;
    const key = keyOf(attachment);
    await this.#ending.get(key);
    const records = recordsOf(wish, seen, this.#options.clock.elapsed());
    let holders = this.#holders.get(key);
    if (holders && !fits(holders, records)) {
      // The same sandbox and name with another interface: what was leased for the old one goes back first.
      const released = await this.#release(attachment);
      if (!released.ok) return released;
      holders = undefined;
    }
    const isNew = holders === undefined;
    void this.#options.book.forgetEnd(attachment);
    holders ??= records.map((record) => new Holder(record, this.#context));
    this.#put(key, holders);
    const waiting = holders.map((holder) => holder.ready());
    if (isNew) for (const holder of holders) holder.start();
    const results = await this.#within(deadline, caller, waiting);
    const leases = results.flatMap((result) => (result?.ok ? [result.value] : []));
    if (leases.length === holders.length) return ok(leases);
    // All or nothing: the runtime asks anew, and waits until what may have been leased is given back.
    if (isNew) void this.#release(attachment);
    this.#context.metrics.failed();
    const errors = results.map((result) =>
      result?.ok ? undefined : (result?.error ?? { code: "late" as const }),
    );
    return err(holderFailure(errors, attachment.ifname));
  }

  /** What is there when all are done, the time is over, or nobody waits any more. */
  async #within(
    deadline: number,
    caller: Caller,
    waiting: readonly Promise<Result<Lease, HolderError>>[],
  ): Promise<readonly (Result<Lease, HolderError> | undefined)[]> {
    const { clock } = this.#options;
    const results: (Result<Lease, HolderError> | undefined)[] = waiting.map(() => undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    let open = waiting.length;
    for (const [index, one] of waiting.entries()) {
      void one.then((result) => {
        results[index] = result;
        open -= 1;
        // One that failed decides for all.
        if (open === 0 || !result.ok) resolve();
      });
    }
    const watch = () => {
      if (clock.elapsed() >= deadline || caller.gone()) resolve();
      else timer = clock.after(Math.min(WATCH, Math.max(1, deadline - clock.elapsed())), watch);
    };
    let timer = clock.after(Math.min(WATCH, Math.max(1, deadline - clock.elapsed())), watch);
    await promise;
    timer.cancel();
    return results;
  }

  #check(attachment: Attachment): Result<readonly Lease[], CniError> {
    const holders = this.#holders.get(keyOf(attachment)) ?? [];
    const fail = (what: string, hint: string) =>
      err(cniError(CniCode.checkFailed, `CHECK: ${attachment.ifname}: ${what}`, hint));
    if (holders.length === 0) return fail("no lease is known for it", "restart the pod");
    for (const holder of holders) {
      const fault = holder.fault();
      if (fault !== undefined)
        return fail(fault, "berth leases shows the lease; restart the pod if it stays");
    }
    return ok(holders.flatMap(({ lease }) => (lease ? [lease] : [])));
  }

  #release(attachment: Attachment): Promise<Result<void, CniError>> {
    const key = keyOf(attachment);
    const under = this.#ending.get(key) ?? this.#releaseNow(key).finally(() => this.#ending.delete(key));
    this.#ending.set(key, under);
    return under;
  }

  async #releaseNow(key: string): Promise<Result<void, CniError>> {
    const holders = this.#holders.get(key) ?? [];
    const results = await Promise.all(holders.map((holder) => holder.release()));
    const failed = results.find((result) => !result.ok);
    if (failed && !failed.ok) {
      return err(cniError(CniCode.tryAgainLater, `the journal of leases cannot be written: ${failed.error}`));
    }
    if (this.#holders.get(key) === holders) this.#holders.delete(key);
    return ok(undefined);
  }

  async #collect(network: string, keep: readonly Attachment[]): Promise<Result<void, CniError>> {
    const kept = new Set(keep.map(keyOf));
    const doomed = [...this.#holders]
      .filter(([key, [first]]) => first?.record.network === network && !kept.has(key))
      .map(([, [first]]) => first?.record);
    for (const record of doomed) {
      if (record === undefined) continue;
      const released = await this.#release({ containerId: record.sandbox, ifname: record.ifname });
      if (!released.ok) return released;
    }
    return ok(undefined);
  }

  #states(): Iterable<readonly [string, number]> {
    const counts = new Map<string, number>();
    for (const holder of [...this.#holders.values()].flat()) {
      counts.set(holder.state, (counts.get(holder.state) ?? 0) + 1);
    }
    return counts;
  }
}

/** How often a waiting ADD looks whether its caller is still there; milliseconds. */
const WATCH = 250;

function recordsOf(wish: LeaseWish, seen: Interface, now: number): readonly LeaseRecord[] {
  const families = wish.config.ipv6 ? ([4, 6] as const) : ([4] as const);
  return families.map((family) => recordOf(wish, seen, family, now));
}

/** Never had a lease, and a server was asked for one: no answer of that ADD has left. */
function isCutOff({ lease, intent, trouble }: LeaseRecord): boolean {
  return lease === undefined && intent !== undefined && trouble === undefined;
}

/** Whether these leases are what the same ADD would ask for again. */
function fits(holders: readonly Holder[], records: readonly LeaseRecord[]): boolean {
  return (
    holders.length === records.length &&
    holders.every(({ record }) => {
      const wanted = records.find(({ family }) => family === record.family);
      return (
        wanted !== undefined &&
        wanted.identity === record.identity &&
        wanted.index === record.index &&
        wanted.client === record.client
      );
    })
  );
}

function keyOf({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
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
