import type { Clock, Timer } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { Failure, PhaseName } from "../../dhcp/machine.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Log, LogFields } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import { setLink } from "../../netns/netlink/links.ts";
import { err, ok, type Result } from "../../result.ts";
import { carries, drop, follow } from "./apply.ts";
import { announceLater } from "./arp.ts";
import type { LeaseBook } from "./book.ts";
import { type Client, openClient, releaseFromAfar } from "./client.ts";
import type { LeaseEvents } from "./driver.ts";
import type { LeaseMetrics } from "./metrics.ts";
import type { Pace } from "./pace.ts";
import { isKnownBySandbox, type LeaseRecord, RestingRecord, refOf } from "./record.ts";
import type { DhcpSettings } from "./settings.ts";

/** What all leases of a daemon share. */
export type HolderContext = {
  readonly clock: Clock;
  readonly book: LeaseBook;
  readonly settings: DhcpSettings;
  readonly metrics: LeaseMetrics;
  /** The rate of releases, which no server answers and a busy one drops. */
  readonly pace: Pace;
  /** Second releases that are still to be sent, by client identifier: a lease that begins anew must not lose what it gets. */
  readonly again: Map<string, Timer>;
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

/**
 * One lease of one interface: from the first DISCOVER until it is given back. While nothing is under way it is at rest: there is
 * no client, only the record as text and a timer, a fifth of the memory.
 */
export class Holder {
  readonly ref: InterfaceRef;
  readonly #context: HolderContext;
  #record: LeaseRecord | RestingRecord;
  #client: Client | undefined;
  /** Wakes a lease at rest. */
  #alarm: Timer | undefined;
  #announcing: Timer | undefined;
  #waiters: Waiter[] = [];
  #gone: NetnsError | undefined;
  /** Seen once without its interface. */
  missing = false;
  /** All leases of the same interface. */
  together: readonly Holder[] = [];

  constructor(record: LeaseRecord, context: HolderContext) {
    this.ref = refOf(record);
    this.#record = record;
    this.#context = context;
  }

  get record(): LeaseRecord {
    return this.#record instanceof RestingRecord ? this.#record.read() : this.#record;
  }

  get lease(): Lease | undefined {
    return this.record.lease;
  }

  get state(): HolderState {
    if (this.#gone || this.missing) return "gone";
    if (this.#record instanceof RestingRecord) return "bound";
    const phase: PhaseName = this.#client?.phase() ?? "idle";
    if (phase === "bound" || phase === "renewing" || phase === "rebinding" || phase === "rebooting")
      return phase;
    return this.#record.trouble === undefined ? "acquiring" : "lost";
  }

  get about(): LogFields {
    const { sandbox, ifname, network, pod, family } = this.record;
    return { sandbox, ifname, network, ...(pod && { pod }), family };
  }

  /** Gets a lease. */
  start(): void {
    const { again } = this.#context;
    const { client } = this.record;
    again.get(client)?.cancel();
    again.delete(client);
    this.#awake().start();
  }

  /** Takes up the lease of the record: without a word before T1, past it the server has to confirm it. */
  adopt(): void {
    this.#gone = undefined;
    const { lease } = this.record;
    if (lease === undefined) {
      this.start();
      return;
    }
    const now = this.#context.clock.elapsed();
    const { renewAt = Number.POSITIVE_INFINITY, expiresAt = Number.POSITIVE_INFINITY } = lease.times;
    if (now < renewAt) this.#rest();
    else if (now < expiresAt) this.#awake().reboot(lease);
    else this.#awake().hold(lease);
  }

  /** The lease, once there is one that is on the disk. */
  ready(): Promise<Result<Lease, HolderError>> {
    const { lease, trouble } = this.record;
    if (lease && this.#waiters.length === 0 && !trouble) return Promise.resolve(ok(lease));
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Why the interface does not have what it was given; undefined if it does. */
  fault(): string | undefined {
    const { lease, trouble } = this.record;
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

  /** Gives back what the server has given, or may have, through the pod's interface or else past it, and forgets it. */
  async release(): Promise<Result<void, string>> {
    const { clock, log, metrics, pace } = this.#context;
    const started = clock.elapsed();
    this.#answer(err({ code: "ended" }));
    const { lease, intent } = this.record;
    const given = lease ?? intent;
    if (given !== undefined) await pace.turn();
    const sent = await this.#sendRelease(given);
    const by = sent.ok ? "its interface" : this.#releaseFromAfar(given, sent.error);
    this.stop();
    if (by !== undefined && given !== undefined) this.#releaseAgain(given);
    const removed = await this.#context.book.remove(this.record);
    if (!removed.ok || given === undefined) return removed;
    metrics.released(by !== undefined);
    const ms = Math.round(clock.elapsed() - started);
    const address = formatAddress(given.address.address);
    const asked = lease === undefined ? { confirmed: false } : {};
    if (by !== undefined) log("verbose", "lease released", { ...this.about, address, by, ms, ...asked });
    return ok(undefined);
  }

  /** Ends without a word to the server; the journal keeps the lease. */
  stop(): void {
    this.#alarm?.cancel();
    this.#announcing?.cancel();
    this.#client?.stop();
    this.#answer(err({ code: "ended" }));
  }

  #sendRelease(given: Lease | undefined): Promise<Result<void, NetnsError>> {
    if (this.#gone) return Promise.resolve(err(this.#gone));
    const client = this.#awake();
    // Whatever it is at: the server is told of what it gave, or may have given without our hearing of it.
    if (given) client.hold(given);
    return client.release();
  }

  /** The interface is gone: as much as can be done from the node. What it was done by, if it was. */
  #releaseFromAfar(given: Lease | undefined, { message }: NetnsError): string | undefined {
    const { clock, settings, log } = this.#context;
    if (given === undefined) return undefined;
    const { record } = this;
    const sent = releaseFromAfar(record, given, settings, clock);
    if (sent.ok) return `${record.parent} of the node`;
    const address = formatAddress(given.address.address);
    const why = `${message}; ${sent.error}`;
    log("error", "a lease cannot be given back and ends by its time", { ...this.about, address, why });
    return undefined;
  }

  /**
   * RELEASE of DHCPv4 has no answer, so it goes out twice. Only where no other sandbox can have the same client identifier: the
   * second would take away what that one has got meanwhile.
   */
  #releaseAgain(given: Lease): void {
    const { clock, settings, again } = this.#context;
    const { record } = this;
    if (record.family !== 4 || !isKnownBySandbox(record)) return;
    const timer = clock.after(AGAIN, () => {
      again.delete(record.client);
      releaseFromAfar(record, given, settings, clock);
    });
    again.set(record.client, timer);
  }

  /** The client of the lease, made anew if there is none. */
  #awake(): Client {
    this.#alarm?.cancel();
    if (this.#client) return this.#client;
    const { clock, settings, log, metrics } = this.#context;
    const { record } = this;
    this.#record = record;
    this.#client = openClient(record, {
      clock,
      settings,
      events: this.#events(),
      via: () => {
        const { via } = this.record;
        return via === undefined ? undefined : Uint8Array.fromHex(via);
      },
      log: (level, msg, fields) => log(level, msg, { ...this.about, ...fields }),
      malformed: (why) => {
        metrics.malformed();
        log("debug", "a packet is not DHCP", { ...this.about, why });
      },
    });
    return this.#client;
  }

  /** Nothing is to be done until T1. */
  #rest(): void {
    const { record } = this;
    const { lease } = record;
    if (lease === undefined) return;
    this.#client?.stop();
    this.#client = undefined;
    this.#record = new RestingRecord(record);
    const { renewAt } = lease.times;
    if (renewAt === undefined) return;
    const { clock } = this.#context;
    const wait = Math.min(LONGEST_SLEEP, Math.max(0, Math.ceil(renewAt - clock.elapsed())));
    this.#alarm = clock.after(wait, () => {
      const { lease: held } = this.record;
      if (held) this.#awake().hold(held);
    });
  }

  #events(): LeaseEvents {
    return {
      intend: async (intent) => {
        this.#record = { ...this.record, ...this.#via(), intent };
        const saved = await this.#save();
        if (!saved.ok) this.#answer(err({ code: "journal", why: saved.error }));
        return saved.ok;
      },
      bound: (lease) => void this.#onBound(lease),
      renewed: (lease) => {
        this.#context.metrics.renewed();
        this.#note("lease renewed", lease);
        void this.#keep(lease);
      },
      changed: (lease, previous) => {
        this.#context.metrics.renewed();
        this.#note("lease renewed with other contents", lease);
        void this.#changeTo(lease, previous);
      },
      lost: (lease, reason) => this.#onLost(lease, reason),
      resting: () => this.#takeDown(),
      failed: (failure) => this.#answer(err({ code: "failed", failure })),
      quiet: () => this.#rest(),
      gone: (error) => {
        this.#gone = error;
        this.#client = undefined;
        this.#context.log("error", "the interface of a lease is gone", { ...this.about, why: error.message });
        this.#answer(err({ code: "gone", error }));
      },
    };
  }

  async #onBound(lease: Lease): Promise<void> {
    const { clock, metrics } = this.#context;
    const { since, trouble, probe } = this.record;
    const seconds = (clock.elapsed() - since) / 1000;
    if (probe) this.#announce(lease);
    if (trouble !== undefined) {
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
    const { record } = this;
    const address = formatAddress(lease.address.address);
    const before = previous && formatAddress(previous.address.address);
    if (record.onChange === "fail") {
      const trouble = `the server gives ${address} now, with its routes, and not what the pod was given`;
      notify(record, CHANGED, `The interface ${record.ifname} is left alone: ${trouble}`);
      await this.#keep(lease, trouble);
      return;
    }
    const applied = atInterface(this.ref, (netlink, link) =>
      follow(netlink, link.index, lease, previous, record.priority),
    );
    if (!applied.ok) {
      const why = applied.error.message;
      log("error", "a changed lease could not be applied", { ...this.about, address, why });
      await this.#keep(lease, `${address} could not be set on the interface: ${why}`);
      return;
    }
    this.#announce(lease);
    this.#note("interface follows the lease", lease);
    const instead = before && before !== address ? ` in the place of ${before}` : "";
    const message = `The interface ${record.ifname} has ${address}${instead} now, as the DHCP server says`;
    notify(record, CHANGED, message);
    await this.#keep(lease);
    this.#answer(ok(lease));
  }

  #onLost(lease: Lease, reason: "nak" | "expired" | "conflict"): void {
    const { log, metrics, notify } = this.#context;
    const address = formatAddress(lease.address.address);
    const { why, event } = LOST[reason];
    metrics.lost(reason);
    log("error", `lease lost: ${why}`, { ...this.about, address, server: formatAddress(lease.server) });
    const { lease: _, ...rest } = this.record;
    const untouched = rest.onChange === "fail" && reason !== "expired";
    if (!untouched) {
      const dropped = atInterface(this.ref, (netlink, link) => drop(netlink, link.index, lease));
      if (!dropped.ok)
        log("error", "a lost address stays", { ...this.about, address, why: dropped.error.message });
    }
    this.#record = { ...rest, trouble: `the lease of ${address} is lost: ${why}` };
    void this.#save();
    const down = reason === "expired" && this.#takeDown() ? ", and the interface was taken down" : "";
    notify(rest, event, `The DHCP lease of ${address} on ${rest.ifname} is lost: ${why}${down}`);
  }

  /** Whether it was done: another lease of the same interface keeps it up. */
  #takeDown(): boolean {
    if (this.together.some((other) => other !== this && other.state === "bound")) return false;
    const { log } = this.#context;
    const down = atInterface(this.ref, (netlink, link) => setLink(netlink, link.index, false));
    if (down.ok) log("error", "lease expired, bringing interface DOWN", this.about);
    else log("error", "an interface without a lease stays up", { ...this.about, why: down.error.message });
    return down.ok;
  }

  #announce({ family, address }: Lease): void {
    if (family !== 4) return;
    this.#announcing?.cancel();
    const mac = Uint8Array.fromHex(this.record.mac);
    this.#announcing = announceLater(this.ref, mac, address.address, this.#context.clock);
  }

  /** Takes the lease into the record and to the disk. */
  #keep(lease: Lease, trouble?: string): Promise<Result<void, string>> {
    const { trouble: _, intent: __, ...rest } = this.record;
    this.#record = { ...rest, ...this.#via(), lease, ...(trouble && { trouble }) };
    return this.#save();
  }

  #via(): { readonly via?: string } {
    const via = this.#client?.source()?.toHex();
    return via === undefined ? {} : { via };
  }

  async #save(): Promise<Result<void, string>> {
    const saved = await this.#context.book.save(this.record);
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

/** Timers end at 2^31 ms. Waking early does no harm. */
const LONGEST_SLEEP = 2 ** 31 - 1;

/** Between the two releases of a lease, in milliseconds. */
const AGAIN = 500;

/** Reasons of the Events on the pod. */
const CHANGED = "DHCPLeaseChanged";
const LOST = {
  nak: { why: "the DHCP server refused it", event: "DHCPLeaseRefused" },
  expired: { why: "no DHCP server extended it in time", event: "DHCPLeaseExpired" },
  conflict: { why: "another host uses it", event: "DHCPAddressConflict" },
} as const;
