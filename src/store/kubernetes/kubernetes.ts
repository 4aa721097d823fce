import type { Acquire, AllocationError, Change, Claim, Outcome } from "../../allocation/claim.ts";
import { type Pod, podRef } from "../../allocation/owner.ts";
import { planAcquire } from "../../allocation/plan.ts";
import { type Pool, samePool } from "../../allocation/pool.ts";
import { type Clock, sleep } from "../../clock.ts";
import { sameAddress } from "../../ip/address.ts";
import { countOf } from "../../ip/interval.ts";
import type { ApiError, KubeClient } from "../../kube/api.ts";
import { EventRecorder } from "../../kube/events.ts";
import { sliceLabels } from "../../kube/names.ts";
import type { NodeSlicePool } from "../../kube/objects.ts";
import type { Log } from "../../log.ts";
import { err, ok, type Result } from "../../result.ts";
import { Turns } from "../../turns.ts";
import { compareClaims, comparePools } from "../order.ts";
import type { ClaimFilter, PoolUsage, SliceUse, Store, StoreError } from "../store.ts";
import { Acquisition, type Tools } from "./acquisition.ts";
import { CachedSource } from "./cached-source.ts";
import { Claimed } from "./claimed.ts";
import { checkCrds } from "./crds.ts";
import { storeError } from "./failure.ts";
import { Given } from "./given.ts";
import { inheritedUids } from "./inheritance.ts";
import { Notices } from "./notices.ts";
import { LATE, PoolWriter } from "./pool-writer.ts";
import { collect, release } from "./release.ts";
import { Reserver } from "./reserver.ts";
import { SliceBook } from "./slices/book.ts";
import { SliceGuard } from "./slices/guard.ts";
import { sliceUses } from "./slices/usage.ts";
import { DirectSource, type Source } from "./source.ts";
import { Spread } from "./spread.ts";
import { State } from "./state.ts";
import { PlanView } from "./view.ts";
import { WriteOrder } from "./write-order.ts";

export type KubernetesOptions = {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds that a caller waits who says nothing else. */
  readonly patience: number;
  /** The process stays: a watch keeps what is known up to date. Otherwise just what a call needs is read. */
  readonly staying: boolean;
  /** The node whose agent or plugin this is: it follows the slices of no other node. Absent: all are followed. */
  readonly node?: string;
};

/**
 * Keeps claims in the IPPool and OverlappingRangeIPReservation objects of whereabouts, beside Go whereabouts and other
 * nodes. The API server is the only arbiter: a reservation's name and the tests of a JSON patch.
 */
export class KubernetesStore implements Store {
  readonly name: string;
  readonly parallel = true;
  /** Which slices nodes have been given. */
  readonly book: SliceBook;
  readonly #client: KubeClient;
  readonly #options: KubernetesOptions;
  readonly #state: State;
  readonly #source: Source;
  readonly #tools: Tools;
  readonly #writers = new Map<string, PoolWriter>();
  readonly #turns = new Turns();
  /** For a process that watches what other nodes are about to do. */
  readonly #order: WriteOrder | undefined;
  readonly #notes: string[] = [];
  /** Events are told by a process that stays: nobody waits for them. */
  readonly #notices: Notices | undefined;

  constructor(client: KubeClient, options: KubernetesOptions) {
    const { clock, log, staying, node } = options;
    const own = node === undefined ? {} : { node };
    this.name = `kubernetes ${client.server}`;
    this.#client = client;
    this.#options = options;
    const claimed = new Claimed(clock);
    const state = new State(claimed);
    const cached = staying ? new CachedSource(client, clock, state, log, own) : undefined;
    const source: Source = cached ?? new DirectSource(client, clock, state);
    const sink = cached ?? state;
    const book = new SliceBook(client, clock, log);
    if (staying) book.start();
    const knowsAll = () => source.knowsReservations();
    this.#state = state;
    const inOrder = staying && node !== undefined;
    this.#order = inOrder ? new WriteOrder({ client, clock, state, sink, node }) : undefined;
    this.#source = source;
    this.book = book;
    this.#tools = {
      clock,
      state,
      claimed,
      given: new Given(clock),
      spread: new Spread(clock),
      source,
      slices: new SliceGuard(book),
      reserver: new Reserver({ client, clock, state, sink, claimed, knowsAll, ...own }),
      writer: (name, pool) => this.#writer(name, pool, sink),
      inherited: (request, deadline) => inheritedUids(request, deadline, { client, clock, state }),
    };
    const component = "berth-agent";
    this.#notices = staying ? new Notices(new EventRecorder({ client, clock, log, component })) : undefined;
    if (staying) void this.#look();
  }

  /** What the steps of a change are made of, for the slices of a node. */
  get tools(): Tools {
    return this.#tools;
  }

  async commit(
    changes: readonly Change[],
    patience = this.#options.patience,
  ): Promise<Result<readonly Outcome[], StoreError>> {
    const deadline = this.#options.clock.elapsed() + patience;
    const outcomes: Outcome[] = [];
    for (const stretch of stretchesOf(changes)) {
      const results = await Promise.all(
        stretch.map((change) => this.#within(deadline, this.#carryOut(change, deadline))),
      );
      for (const result of results) {
        if (!result.ok) return err(storeError(this.name, result.error));
        outcomes.push(result.value);
      }
      for (const change of stretch) if (change.kind === "acquire") this.#tellUse(change);
    }
    return ok(outcomes);
  }

  async preview(request: Acquire): Promise<Result<AllocationError | undefined, StoreError>> {
    const names = request.wants.map(({ pool }) => this.#state.bind(pool));
    const deadline = this.#deadline();
    const pools = await this.#source.ready(names, deadline);
    const known = pools.ok ? await this.#source.learnReservations(deadline) : pools;
    if (!known.ok) return err(storeError(this.name, known.error));
    const slices = this.book.isSynced ? ok(undefined) : await this.book.read(deadline);
    if (!slices.ok) return err(storeError(this.name, slices.error));
    const plan = planAcquire(request, new PlanView(this.#tools, request));
    return ok(plan.ok ? undefined : plan.error);
  }

  async claims(filter: ClaimFilter): Promise<Result<readonly Claim[], StoreError>> {
    const { address, pod, attachment, pool } = filter;
    const deadline = this.#deadline();
    const known = await (address ? this.#source.around(address, deadline) : this.#source.all(deadline));
    if (!known.ok) return err(storeError(this.name, known.error));
    const claims: Claim[] = [];
    for (const record of this.#state.pools()) {
      if (pool && !samePool(pool, record.pool)) continue;
      for (const entry of record.entries()) {
        const { podref, id, ifname = "" } = entry.allocation;
        if (address && !sameAddress(address, entry.address)) continue;
        if (pod && podRef(pod) !== podref) continue;
        if (attachment && (attachment.sandbox !== id || attachment.ifname !== ifname)) continue;
        claims.push(this.#state.claim({ record, entry }));
      }
    }
    return ok(claims.sort(compareClaims));
  }

  async pools(patience?: number): Promise<Result<readonly PoolUsage[], StoreError>> {
    const known = await this.#source.allPools(this.#deadline(patience));
    if (!known.ok) return err(storeError(this.name, known.error));
    const usage = [...this.#state.pools()].map(({ pool, used }) => ({ pool, used: used.count }));
    return ok(usage.sort((a, b) => comparePools(a.pool, b.pool)));
  }

  async revision(): Promise<Result<string, StoreError>> {
    const known = await this.#source.all(this.#deadline());
    return known.ok ? ok(String(this.#state.changes)) : err(storeError(this.name, known.error));
  }

  async slices(): Promise<Result<readonly SliceUse[], StoreError>> {
    const deadline = this.#deadline();
    const known = await this.#source.allPools(deadline);
    const read = !known.ok || this.book.isSynced ? known : await this.book.read(deadline);
    if (!read.ok) return err(storeError(this.name, read.error));
    return ok(sliceUses(this.book.pools(), (name) => Number(this.#state.pool(name)?.used.count ?? 0n)));
  }

  notes(): readonly string[] {
    return [...this.#notes, ...this.#state.oddities()];
  }

  tellPod(pod: Pod, why: string): void {
    this.#notices?.podFailed(pod, why);
  }

  /** Tells on a NodeSlicePool that a node gets no further slice of it. */
  tellExhausted(pool: NodeSlicePool, node: string): void {
    this.#notices?.slicesExhausted(pool, node);
  }

  /** Tells on a pod that its address is another's too. */
  tellConflict(pod: Pod, address: string): void {
    this.#notices?.addressConflict(pod, address);
  }

  /** Resolves when all events are told or given up. */
  async flush(): Promise<void> {
    await this.#notices?.flush();
  }

  close(): void {
    this.#source.close();
    this.book.close();
    this.#client.close();
  }

  #tellUse({ wants }: Acquire): void {
    for (const { pool, free } of wants) {
      const record = this.#state.pool(this.#state.bind(pool));
      if (record) this.#notices?.poolUse(record.object, record.used.count, countOf(free));
    }
  }

  #deadline(patience = this.#options.patience): number {
    return this.#options.clock.elapsed() + patience;
  }

  #carryOut(change: Change, deadline: number): Promise<Result<Outcome, ApiError>> {
    const tools = this.#tools;
    if (change.kind === "collect") return collect(change, deadline, tools);
    if (change.kind === "release") {
      const attachment = `${change.sandbox}/${change.ifname}`;
      return this.#turns.take(attachment, () => release(change, deadline, tools));
    }
    const { pod, ifname, sandbox } = change.owner;
    return this.#turns.take(`${sandbox}/${ifname}`, () =>
      this.#turns.take(`pod ${podRef(pod)}/${ifname}`, () => this.#acquire(change, deadline)),
    );
  }

  async #acquire(change: Acquire, deadline: number): Promise<Result<Outcome, ApiError>> {
    const outcome = await new Acquisition(change, deadline, this.#tools).run();
    const { sandbox, ifname } = change.owner;
    if (outcome.ok && outcome.value.kind === "acquired") this.#tools.given.add(sandbox, ifname);
    return outcome;
  }

  /**
   * The caller is answered at its deadline whatever hangs; the work goes on to its end, which is to take back what it
   * has written, before the next call of the same pod.
   */
  async #within(
    deadline: number,
    work: Promise<Result<Outcome, ApiError>>,
  ): Promise<Result<Outcome, ApiError>> {
    const { clock } = this.#options;
    const ended = new AbortController();
    const late = sleep(clock, Math.max(0, deadline - clock.elapsed()), ended.signal).then(() =>
      err(this.#source.trouble() ?? LATE),
    );
    const result = await Promise.race([work, late]);
    ended.abort();
    return result;
  }

  #writer(name: string, pool: Pool, sink: State | CachedSource): PoolWriter {
    const known = this.#writers.get(name);
    if (known) return known;
    const { clock, node } = this.#options;
    const labels = node !== undefined && pool.node === node ? sliceLabels(node) : undefined;
    const made = new PoolWriter({
      ...{ client: this.#client, clock, state: this.#state, sink, name, pool },
      // A slice has one writer.
      ...(this.#order && pool.node === undefined && { order: this.#order }),
      ...(labels && { labels }),
    });
    this.#writers.set(name, made);
    return made;
  }

  async #look(): Promise<void> {
    const notes = await checkCrds(this.#client, this.#options.patience);
    this.#notes.push(...notes);
    for (const note of notes) this.#options.log("verbose", note, { store: this.name });
  }
}

/** Changes that may be under way together: none of a stretch rests on another. */
function stretchesOf(changes: readonly Change[]): Change[][] {
  const stretches: Change[][] = [];
  let keys = new Set<string>();
  for (const change of changes) {
    const stretch = stretches.at(-1);
    const key = keyOf(change);
    if (stretch && stretch[0]?.kind === change.kind && key !== undefined && !keys.has(key)) {
      stretch.push(change);
      keys.add(key);
    } else {
      stretches.push([change]);
      keys = new Set(key === undefined ? [] : [key]);
    }
  }
  return stretches;
}

function keyOf(change: Change): string | undefined {
  if (change.kind === "collect") return undefined;
  if (change.kind === "release") return `${change.sandbox}/${change.ifname}`;
  return `${podRef(change.owner.pod)}/${change.owner.ifname}`;
}
