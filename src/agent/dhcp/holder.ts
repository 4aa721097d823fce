import type { Clock } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { Failure, PhaseName } from "../../dhcp/machine.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Log, LogFields } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import { setLink } from "../../netns/netlink/links.ts";
import { err, ok, type Result } from "../../result.ts";
import { carries, drop, follow } from "./apply.ts";
import type { LeaseBook } from "./book.ts";
import { type Client, openClient, releaseFromAfar } from "./client.ts";
import type { LeaseEvents } from "./driver.ts";
import type { LeaseMetrics } from "./metrics.ts";
import type { LeaseRecord } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

/** What all leases of a daemon share. */
export type HolderContext = {
  readonly clock: Clock;
  readonly book: LeaseBook;
  readonly settings: DhcpSettings;
  readonly metrics: LeaseMetrics;
  readonly log: Log;
  /** Tells the pod's owners what happened to its lease. */
  readonly notify: (record: LeaseRecord, reason: string, message: string) => void;
};

export type HolderError =
  | { readonly code: "failed"; readonly failure: Failure }
  | { readonly code: "gone"; readonly error: NetnsError }
  | { readonly code: "journal"; readonly why: string }
  | { readonly code: "ended" };

/** For people and metrics. `acquiring`: never had a lease; `lost`: has none any more, another is wanted. */
export type HolderState = "acquiring" | "bound" | "renewing" | "rebinding" | "rebooting" | "lost" | "gone";

type Waiter = (result: Result<Lease, HolderError>) => void;

/** One lease of one interface: from the first DISCOVER until it is given back. */
export class Holder {
  readonly #context: HolderContext;
  readonly #client: Client;
  #record: LeaseRecord;
  #waiters: Waiter[] = [];
  #gone: NetnsError | undefined;
  /** Seen once without its interface. */
  missing = false;
  /** Whether another lease of the same interface is in use; it then stays up whatever happens to this one. */
  shared: () => boolean = () => false;

  constructor(record: LeaseRecord, context: HolderContext) {
    this.#record = record;
    this.#context = context;
    this.#client = openClient(record, {
      clock: context.clock,
      settings: context.settings,
      events: this.#events(),
      via: () => (this.#record.via === undefined ? undefined : Uint8Array.fromHex(this.#record.via)),
      log: (level, msg, fields) => context.log(level, msg, { ...this.about, ...fields }),
      malformed: (why) => {
        context.metrics.malformed();
        context.log("debug", "a packet is not DHCP", { ...this.about, why });
      },
    });
  }

  get record(): LeaseRecord {
    return this.#record;
  }

  get lease(): Lease | undefined {
    return this.#record.lease;
  }

  get ref(): InterfaceRef {
    const { netns, identity, index } = this.#record;
    return { netns, identity, index };
  }

  get state(): HolderState {
    if (this.#gone || this.missing) return "gone";
    const phase: PhaseName = this.#client.phase();
    if (phase === "bound" || phase === "renewing" || phase === "rebinding" || phase === "rebooting")
      return phase;
    return this.#record.trouble === undefined ? "acquiring" : "lost";
  }

  get about(): LogFields {
    const { sandbox, ifname, network, pod, family } = this.#record;
    return { sandbox, ifname, network, ...(pod && { pod }), family };
  }

  /** Gets a lease. */
  start(): void {
    this.#client.start();
  }

  /** Takes up the lease of the record: without a word before T1, past it the server has to confirm it. */
  adopt(): void {
    this.#gone = undefined;
    const { lease } = this.#record;
    if (lease === undefined) {
      this.#client.start();
      return;
    }
    const now = this.#context.clock.elapsed();
    const { renewAt = Number.POSITIVE_INFINITY, expiresAt = Number.POSITIVE_INFINITY } = lease.times;
    if (renewAt <= now && now < expiresAt) this.#client.reboot(lease);
    else this.#client.hold(lease);
  }

  /** The lease, once there is one that is on the disk. */
  ready(): Promise<Result<Lease, HolderError>> {
    const { lease } = this.#record;
    if (lease && this.#waiters.length === 0 && !this.#record.trouble) return Promise.resolve(ok(lease));
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Why the interface does not have what it was given; undefined if it does. */
  fault(): string | undefined {
    const { lease, trouble } = this.#record;
    if (trouble !== undefined) return trouble;
    if (lease === undefined) return "there is no lease yet";
    const present = atInterface(this.ref, (netlink, link) => carries(netlink, link.index, lease));
    if (!present.ok) return present.error.message;
    return present.value ? undefined : `the interface does not carry ${formatAddress(lease.address.address)}`;
  }

  /** Whether the interface is still there; what cannot be found out counts as there. */
  isPresent(): boolean {
    const found = atInterface(this.ref, () => ok(undefined));
    return found.ok || found.error.code === "refused";
  }

  get stopped(): boolean {
    return this.#gone !== undefined;
  }

  /** Gives the lease back, through the pod's interface or else past it, and forgets it. */
  async release(): Promise<Result<void, string>> {
    const { clock, log, metrics } = this.#context;
    const { lease } = this.#record;
    const started = clock.elapsed();
    this.#answer(err({ code: "ended" }));
    const sent = await this.#client.release();
    const by = sent.ok ? "its interface" : this.#releaseFromAfar(sent.error);
    this.stop();
    const removed = await this.#context.book.remove(this.#record);
    if (!removed.ok) return removed;
    if (lease === undefined) return ok(undefined);
    metrics.released(by !== undefined);
    const ms = Math.round(clock.elapsed() - started);
    const address = formatAddress(lease.address.address);
    if (by !== undefined) log("verbose", "lease released", { ...this.about, address, by, ms });
    return ok(undefined);
  }

  /** Ends without a word to the server; the journal keeps the lease. */
  stop(): void {
    this.#client.stop();
    this.#answer(err({ code: "ended" }));
  }

  /** The interface is gone: as much as can be done from the node. What it was done by, if it was. */
  #releaseFromAfar({ message }: NetnsError): string | undefined {
    const { clock, settings, log } = this.#context;
    if (this.lease === undefined) return undefined;
    const sent = releaseFromAfar(this.#record, this.lease, settings, clock);
    if (sent.ok) return `${this.#record.parent} of the node`;
    const address = formatAddress(this.lease.address.address);
    const why = `${message}; ${sent.error}`;
    log("error", "a lease cannot be given back and ends by its time", { ...this.about, address, why });
    return undefined;
  }

  #events(): LeaseEvents {
    return {
      bound: (lease) => void this.#onBound(lease),
      renewed: (lease) => {
        this.#context.metrics.renewed();
        this.#note("lease renewed", lease);
        this.#keep(lease);
      },
      changed: (lease, previous) => {
        this.#context.metrics.renewed();
        this.#note("lease renewed with other contents", lease);
        void this.#changeTo(lease, previous);
      },
      lost: (lease, reason) => this.#onLost(lease, reason),
      resting: () => this.#takeDown(),
      failed: (failure) => this.#answer(err({ code: "failed", failure })),
      gone: (error) => {
        this.#gone = error;
        this.#context.log("error", "the interface of a lease is gone", { ...this.about, why: error.message });
        this.#answer(err({ code: "gone", error }));
      },
    };
  }

  async #onBound(lease: Lease): Promise<void> {
    const { clock, metrics } = this.#context;
    const seconds = (clock.elapsed() - this.#record.since) / 1000;
    if (this.#record.trouble !== undefined) {
      await this.#changeTo(lease, undefined);
      return;
    }
    const saved = await this.#keep(lease);
    if (!saved.ok) {
      this.#answer(err({ code: "journal", why: saved.error }));
      return;
    }
    metrics.acquired(seconds);
    this.#note("lease acquired", lease);
    this.#answer(ok(lease));
  }

  /** The pod was given something else. */
  async #changeTo(lease: Lease, previous: Lease | undefined): Promise<void> {
    const { log, notify } = this.#context;
    const address = formatAddress(lease.address.address);
    const before = previous && formatAddress(previous.address.address);
    if (this.#record.onChange === "fail") {
      this.#keep(lease, `the server gives ${address} now, with its routes, and not what the pod was given`);
      return;
    }
    const applied = atInterface(this.ref, (netlink, link) =>
      follow(netlink, link.index, lease, previous, this.#record.priority),
    );
    if (!applied.ok) {
      log("error", "a changed lease could not be applied", {
        ...this.about,
        address,
        why: applied.error.message,
      });
      this.#keep(lease, `${address} could not be set on the interface: ${applied.error.message}`);
      return;
    }
    this.#note("interface follows the lease", lease);
    const message = `The interface has ${address}${before && before !== address ? ` in the place of ${before}` : ""} now, as the DHCP server says`;
    notify(this.#record, "LeaseChanged", message);
    await this.#keep(lease);
    this.#answer(ok(lease));
  }

  #onLost(lease: Lease, reason: "nak" | "expired" | "conflict"): void {
    const { log, metrics, notify } = this.#context;
    const address = formatAddress(lease.address.address);
    const why = LOST[reason];
    metrics.lost(reason);
    log("error", `lease lost: ${why}`, { ...this.about, address, server: formatAddress(lease.server) });
    const untouched = this.#record.onChange === "fail" && reason !== "expired";
    if (!untouched) {
      const dropped = atInterface(this.ref, (netlink, link) => drop(netlink, link.index, lease));
      if (!dropped.ok)
        log("error", "a lost address stays", { ...this.about, address, why: dropped.error.message });
    }
    if (reason === "expired") this.#takeDown();
    const { lease: _, ...rest } = this.#record;
    this.#record = { ...rest, trouble: `the lease of ${address} is lost: ${why}` };
    void this.#save();
    notify(this.#record, "LeaseLost", `The DHCP lease of ${address} is lost: ${why}`);
  }

  #takeDown(): void {
    if (this.shared()) return;
    const { log } = this.#context;
    const down = atInterface(this.ref, (netlink, link) => setLink(netlink, link.index, false));
    if (down.ok) log("error", "lease expired, bringing interface DOWN", this.about);
    else log("error", "an interface without a lease stays up", { ...this.about, why: down.error.message });
  }

  /** Takes the lease into the record and to the disk. */
  #keep(lease: Lease, trouble?: string): Promise<Result<void, string>> {
    const { trouble: _, via: before, ...rest } = this.#record;
    const via = this.#client.source()?.toHex() ?? before;
    this.#record = { ...rest, lease, ...(via && { via }), ...(trouble && { trouble }) };
    return this.#save();
  }

  async #save(): Promise<Result<void, string>> {
    const saved = await this.#context.book.save(this.#record);
    if (!saved.ok)
      this.#context.log("error", "the journal of leases cannot be written", { why: saved.error });
    return saved;
  }

  #note(msg: string, lease: Lease): void {
    const { clock, log } = this.#context;
    const { expiresAt } = lease.times;
    const seconds = expiresAt === undefined ? undefined : Math.round((expiresAt - clock.elapsed()) / 1000);
    const address = formatAddress(lease.address.address);
    log("verbose", msg, { ...this.about, address, server: formatAddress(lease.server), seconds });
  }

  #answer(result: Result<Lease, HolderError>): void {
    for (const waiter of this.#waiters.splice(0)) waiter(result);
  }
}

const LOST = {
  nak: "the DHCP server refused it",
  expired: "no DHCP server extended it in time",
  conflict: "another host uses it",
} as const;
