import { type Clock, sleep } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Answer, ApiError, KubeClient } from "./api.ts";
import { LEASES, type Lease } from "./objects.ts";
import { backoff } from "./retry.ts";

/** Durations in milliseconds. */
export type ElectionOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** The Lease. */
  readonly name: string;
  readonly namespace: string;
  /** Who we are; another one for each process that takes part: the pod's name, say. */
  readonly identity: string;
  /** Others wait so long after the last sign of life before they take over. */
  readonly leaseDuration?: number;
  /** Without a renewal for so long the leader steps down; less than `leaseDuration`. */
  readonly renewDeadline?: number;
  readonly retryPeriod?: number;
  /**
   * The leader's work; when the signal aborts it has to end, and only then the election goes on. `term` grows with each
   * leader. A rejection is logged, and leadership is kept.
   */
  readonly lead: (signal: AbortSignal, term: number) => Promise<void> | void;
};

type Seen = { readonly lease: Lease; readonly mark: string; readonly at: number };

/**
 * Leader election on a Lease, as client-go does it: the clocks of two machines are never compared, since what counts is how long, by our
 * own clock, the record has not changed. At most one leads at a time as long as nobody's process stands
 * still for longer than `leaseDuration` - `renewDeadline`.
 */
export class Election {
  readonly #options: Required<ElectionOptions>;
  readonly #stop = new AbortController();
  #seen: Seen | undefined;
  #running: Promise<void> | undefined;
  #leaderUntil = Number.NEGATIVE_INFINITY;
  /** A write of ours whose answer was lost. */
  #open: { readonly renewTime: string; readonly startedAt: number } | undefined;
  #lastError: ApiError["code"] | undefined;

  constructor(options: ElectionOptions) {
    this.#options = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000, ...options };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the work, then gives the lease back so that a successor need not wait. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** True only while nobody else can lead, by our own clock at this very moment. */
  get isLeader(): boolean {
    return this.#options.clock.elapsed() < this.#leaderUntil;
  }

  /** The identity in the record, as last seen; "" or undefined: nobody. */
  get leader(): string | undefined {
    return this.#seen?.lease.spec?.holderIdentity;
  }

  async #run(): Promise<void> {
    const { clock, retryPeriod } = this.#options;
    while (!this.#stop.signal.aborted) {
      if (await this.#acquire()) await this.#term();
      else await sleep(clock, backoff(0, retryPeriod, retryPeriod, clock), this.#stop.signal);
    }
  }

  /** One try; true: we lead. */
  async #acquire(): Promise<boolean> {
    const { clock, identity, leaseDuration } = this.#options;
    const found = await this.#look();
    if (this.#stop.signal.aborted || !found) return false;
    if (this.isLeader) return true;
    if (found === "missing") return this.#write(this.#record(undefined));
    const { holderIdentity = "", leaseDurationSeconds } = found.lease.spec ?? {};
    // A record of ours from a former life counts as anyone's: its work may still be going on elsewhere under the same name.
    const patience = leaseDurationSeconds === undefined ? leaseDuration : leaseDurationSeconds * 1000;
    const isFree = holderIdentity === "" || clock.elapsed() - found.at >= patience;
    return isFree && this.#write(this.#record(found.lease, identity));
  }

  async #term(): Promise<void> {
    const { lead, log, name, identity, clock } = this.#options;
    const term = this.#seen?.lease.spec?.leaseTransitions ?? 0;
    const lost = new AbortController();
    log("verbose", "leading", { lease: name, identity, term });
    const work = (async () => lead(lost.signal, term))().catch((thrown: unknown) =>
      log("error", "the leader's work has failed", { lease: name, error: String(thrown) }),
    );
    // A timer besides the renewals: one that hangs must not keep us leading.
    const watch = () => {
      if (!this.isLeader) return lost.abort();
      timer = clock.after(this.#leaderUntil - clock.elapsed(), watch);
    };
    let timer = clock.after(this.#leaderUntil - clock.elapsed(), watch);
    await this.#keep(lost);
    lost.abort();
    timer.cancel();
    if (!this.#stop.signal.aborted) log("error", "no longer leading", { lease: name, identity });
    await this.#finish(work);
  }

  /** Renews until it is lost or we stop. */
  async #keep(lost: AbortController): Promise<void> {
    const { clock, retryPeriod, identity } = this.#options;
    const either = AbortSignal.any([lost.signal, this.#stop.signal]);
    for (;;) {
      await sleep(clock, retryPeriod, either);
      if (either.aborted || this.#seen === undefined) return;
      if (await this.#write(this.#record(this.#seen.lease))) continue;
      // Somebody wrote in between, or the answer was lost: look who holds it now.
      const found = either.aborted ? undefined : await this.#look();
      if (found && (found === "missing" || found.lease.spec?.holderIdentity !== identity)) {
        this.#leaderUntil = Number.NEGATIVE_INFINITY;
        return;
      }
    }
  }

  /** The lease stays ours until the work has ended; then it is given back. */
  async #finish(work: Promise<void>): Promise<void> {
    const { clock, renewDeadline } = this.#options;
    let isDone = false;
    const done = work.then(() => {
      isDone = true;
    });
    if (this.#stop.signal.aborted) {
      // A timer that is left behind would keep the process alive.
      const ended = new AbortController();
      await Promise.race([done, sleep(clock, renewDeadline, ended.signal)]);
      ended.abort();
    } else await done;
    if (isDone && this.isLeader && this.#seen) await this.#write(this.#record(this.#seen.lease, ""));
    this.#leaderUntil = Number.NEGATIVE_INFINITY;
  }

  async #look(): Promise<Seen | "missing" | undefined> {
    const { client, name, namespace, renewDeadline } = this.#options;
    const found = await client.get(LEASES, { name, namespace }, { timeout: renewDeadline / 2 });
    if (found.ok) return this.#settle(this.#see(found.value));
    if (found.error.code === "not_found" && found.error.retry === "conflict") return "missing";
    this.#note(found.error);
    return undefined;
  }

  /** The record is the one that we wrote when no answer came: then the write counts, from its beginning. */
  #settle(seen: Seen): Seen {
    const { holderIdentity, renewTime } = seen.lease.spec ?? {};
    const { identity, renewDeadline } = this.#options;
    if (this.#open !== undefined && renewTime === this.#open.renewTime && holderIdentity === identity) {
      this.#leaderUntil = this.#open.startedAt + renewDeadline;
    }
    this.#open = undefined;
    return seen;
  }

  #see(lease: Lease): Seen {
    const { holderIdentity, renewTime, acquireTime, leaseTransitions } = lease.spec ?? {};
    const mark = JSON.stringify([holderIdentity, renewTime, acquireTime, leaseTransitions]);
    const at = this.#seen?.mark === mark ? this.#seen.at : this.#options.clock.elapsed();
    this.#seen = { lease, mark, at };
    return this.#seen;
  }

  /** The record with us (or nobody) as its holder from now on. */
  #record(before: Lease | undefined, holder = this.#options.identity): Lease {
    const { name, namespace, clock, leaseDuration } = this.#options;
    const now = microTime(clock.now());
    const { spec } = before ?? {};
    const isSame = spec?.holderIdentity === holder;
    const released = holder === "";
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: before?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: released ? 1 : Math.max(1, Math.ceil(leaseDuration / 1000)),
        acquireTime: (isSame && spec?.acquireTime) || now,
        renewTime: now,
        leaseTransitions: (spec?.leaseTransitions ?? 0) + (before && !isSame && !released ? 1 : 0),
      },
    };
  }

  async #write(lease: Lease): Promise<boolean> {
    const { client, clock, renewDeadline } = this.#options;
    // Our time runs from before the request: others see the renewal later than that.
    const startedAt = clock.elapsed();
    const left = this.isLeader ? this.#leaderUntil - startedAt : renewDeadline;
    const isNew = lease.metadata.resourceVersion === undefined;
    const call = { timeout: left };
    const written: Awaited<Answer<Lease>> = isNew
      ? await client.create(LEASES, lease, call)
      : await client.update(LEASES, lease, call);
    const { renewTime = "", holderIdentity } = lease.spec ?? {};
    this.#open =
      !written.ok && written.error.maybeDone && holderIdentity !== "" ? { renewTime, startedAt } : undefined;
    if (!written.ok) {
      this.#note(written.error);
      return false;
    }
    this.#see(written.value);
    this.#lastError = undefined;
    this.#leaderUntil = holderIdentity === "" ? startedAt : startedAt + renewDeadline;
    return this.isLeader;
  }

  #note({ code, retry, message, hint }: ApiError): void {
    // Losing a race is ordinary life; the same fault at every try is one line.
    if (retry !== "conflict" && this.#lastError !== code) {
      this.#options.log("error", "leader election", { lease: this.#options.name, code, message, hint });
    }
    this.#lastError = code;
  }
}

/** RFC 3339 with microseconds, as a Lease wants it. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
