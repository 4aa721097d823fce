import { alarm, type Timer } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { PhaseName } from "../../dhcp/machine.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { InterfaceRef } from "../../netns/interface.ts";
import { err, ok, type Result } from "../../result.ts";
import { announceLater } from "./arp.ts";
import { endLost, followChange, takeDown } from "./changes.ts";
import { type Client, openClient } from "./client.ts";
import type { HolderContext } from "./context.ts";
import type { LeaseEvents } from "./driver.ts";
import { LeaseEntry } from "./entry.ts";
import type { HolderError } from "./failure.ts";
import { aboutLease, aboutOf, type LeaseRecord, refOf } from "./record.ts";

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
  readonly #entry: LeaseEntry;
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
    this.#entry = new LeaseEntry(record, context);
    this.#context = context;
  }

  get record(): LeaseRecord {
    return this.#entry.record;
  }

  get state(): HolderState {
    if (this.#gone || this.missing) return "gone";
    if (this.#entry.isAtRest) return "bound";
    const phase: PhaseName = this.#client?.phase() ?? "idle";
    if (phase === "bound" || phase === "renewing" || phase === "rebinding" || phase === "rebooting")
      return phase;
    return this.record.trouble === undefined ? "acquiring" : "lost";
  }

  /** Gets a lease. */
  start(): void {
    this.#context.releases.beginAnew(this.record);
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

  get stopped(): boolean {
    return this.#gone !== undefined;
  }

  /** Gives back what the server has given, or may have, and forgets it. */
  release(): Promise<Result<void, string>> {
    this.#answer(err({ code: "ended" }));
    return this.#context.releases.giveBack(this.#entry, async (given) => {
      const sent = await this.#sendRelease(given);
      this.stop();
      return sent;
    });
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

  /** The client of the lease, made anew if there is none. */
  #awake(): Client {
    this.#alarm?.cancel();
    if (this.#client) return this.#client;
    const { clock, settings, log, metrics } = this.#context;
    const record = this.#entry.wake();
    this.#client = openClient(record, {
      clock,
      settings,
      events: this.#events(),
      via: () => {
        const { via } = this.record;
        return via === undefined ? undefined : Uint8Array.fromHex(via);
      },
      log: (level, msg, fields) => log(level, msg, { ...aboutOf(this.record), ...fields }),
      malformed: (why) => {
        metrics.malformed();
        log("debug", "a packet is not DHCP", { ...aboutOf(this.record), why });
      },
    });
    return this.#client;
  }

  /** Nothing is to be done until T1. */
  #rest(): void {
    const { lease } = this.record;
    if (lease === undefined) return;
    this.#client?.stop();
    this.#client = undefined;
    this.#entry.rest();
    const { renewAt } = lease.times;
    if (renewAt === undefined) return;
    this.#alarm = alarm(this.#context.clock, renewAt, () => {
      const { lease: held } = this.record;
      if (held) this.#awake().hold(held);
    });
  }

  #events(): LeaseEvents {
    return {
      intend: async (intent) => {
        const saved = await this.#entry.intend(intent, this.#via());
        if (!saved.ok) this.#answer(err({ code: "journal", why: saved.error }));
        return saved.ok;
      },
      bound: (lease) => void this.#onBound(lease),
      renewed: (lease) => {
        this.#context.metrics.renewed();
        this.#note("lease renewed", lease);
        void this.#entry.keep(lease, this.#via());
      },
      changed: (lease, previous) => {
        this.#context.metrics.renewed();
        this.#note("lease renewed with other contents", lease);
        void this.#changeTo(lease, previous);
      },
      lost: (lease, reason) => {
        const trouble = endLost(this.record, lease, reason, this.#isLast(), this.#context);
        void this.#entry.lose(trouble);
      },
      resting: () => {
        if (this.#isLast()) takeDown(this.record, this.#context.log);
      },
      failed: (failure) => this.#answer(err({ code: "failed", failure })),
      quiet: () => this.#rest(),
      gone: (error) => {
        this.#gone = error;
        this.#client = undefined;
        this.#context.log("error", "the interface of a lease is gone", {
          ...aboutOf(this.record),
          why: error.message,
        });
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
    const saved = await this.#entry.keep(lease, this.#via());
    if (!saved.ok) {
      this.#answer(err({ code: "journal", why: saved.error }));
      return;
    }
    metrics.acquired(seconds);
    this.#note("lease acquired", lease);
    this.#answer(ok(lease));
  }

  async #changeTo(lease: Lease, previous: Lease | undefined): Promise<void> {
    const trouble = followChange(this.record, lease, previous, this.#context);
    if (trouble === undefined) {
      this.#announce(lease);
      this.#note("interface follows the lease", lease);
    }
    await this.#entry.keep(lease, this.#via(), trouble);
    if (trouble === undefined) this.#answer(ok(lease));
  }

  /** Whether no other lease of the same interface keeps it up. */
  #isLast(): boolean {
    return !this.together.some((other) => other !== this && other.state === "bound");
  }

  #announce({ family, address }: Lease): void {
    if (family !== 4) return;
    this.#announcing?.cancel();
    const mac = Uint8Array.fromHex(this.record.mac);
    this.#announcing = announceLater(this.ref, mac, address.address, this.#context.clock);
  }

  /** The MAC address that the last message came from, in hex. */
  #via(): string | undefined {
    return this.#client?.source()?.toHex();
  }

  #note(msg: string, lease: Lease): void {
    const { clock, log } = this.#context;
    const { expiresAt } = lease.times;
    const seconds = expiresAt === undefined ? undefined : Math.round((expiresAt - clock.elapsed()) / 1000);
    log("verbose", msg, { ...aboutOf(this.record), ...aboutLease(lease), seconds });
  }

  #answer(result: Result<Lease, HolderError>): void {
    for (const waiter of this.#waiters.splice(0)) waiter(result);
  }
}
