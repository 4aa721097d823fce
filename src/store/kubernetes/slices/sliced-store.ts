import type {
  Acquire,
  AllocationError,
  Change,
  Claim,
  Collect,
  Outcome,
  Want,
} from "../../../allocation/claim.ts";
import { podRef } from "../../../allocation/owner.ts";
import { type Pool, poolSpace, realmSpace } from "../../../allocation/pool.ts";
import type { Clock } from "../../../clock.ts";
import { formatCidr } from "../../../ip/cidr.ts";
import type { Log } from "../../../log.ts";
import { err, ok, type Result } from "../../../result.ts";
import { Turns } from "../../../turns.ts";
import { compareClaims } from "../../order.ts";
import type { ClaimFilter, PoolUsage, Store, StoreError } from "../../store.ts";
import type { Tools } from "../acquisition.ts";
import { storeError } from "../failure.ts";
import type { KubernetesStore } from "../kubernetes.ts";
import type { SliceBook } from "./book.ts";
import { CONFIRMED, canCutSlice, Entitlement, leftIn } from "./entitlement.ts";
import { Holdings } from "./holdings.ts";
import type { SliceJournals } from "./journal.ts";
import { type Cell, claimIn, handOver } from "./ledger.ts";
import type { Synced } from "./mirror.ts";
import { poolsBeside } from "./outside.ts";
import { planInSlices } from "./plan-slices.ts";

export type SliceOptions = {
  readonly journals: SliceJournals;
  /** Milliseconds that a change may wait before it is written to the API server; 0: it is written before the answer. */
  readonly writeDelay: number;
};

type Parts = {
  readonly clock: Clock;
  readonly log: Log;
  readonly patience: number;
};

/** What is needed once a network with slices is met, and no earlier. */
type Open = { readonly book: SliceBook; readonly entitlement: Entitlement; readonly holdings: Holdings };

/** Milliseconds that an ADD waits for a slice. */
const SLICE_PATIENCE = 5_000;
/** Milliseconds that a node which knows its slices from the journal waits for the API server all the same. */
const SYNC_PATIENCE = 300;
/** One in so many addresses left, and a further slice is asked for. */
const LOW = 8n;
const UNDO = 5_000;

/** A Kubernetes store in which a node serves its own slices by itself; all else is the store's below. */
export class SlicedStore implements Store {
  readonly name: string;
  readonly parallel = true;
  readonly #inner: KubernetesStore;
  readonly #parts: Parts;
  readonly #options: SliceOptions;
  readonly #tools: Tools;
  readonly #turns = new Turns();
  #open: Open | undefined;

  constructor(inner: KubernetesStore, parts: Parts, options: SliceOptions) {
    this.name = inner.name;
    this.#inner = inner;
    this.#parts = parts;
    this.#options = options;
    this.#tools = inner.tools;
  }

  async commit(
    changes: readonly Change[],
    patience = this.#parts.patience,
  ): Promise<Result<readonly Outcome[], StoreError>> {
    const deadline = this.#parts.clock.elapsed() + patience;
    const outcomes: Outcome[] = [];
    for (const change of changes) {
      const outcome = await this.#carryOut(change, deadline);
      if (!outcome.ok) return outcome;
      outcomes.push(outcome.value);
    }
    return ok(outcomes);
  }

  async preview(request: Acquire): Promise<Result<AllocationError | undefined, StoreError>> {
    if (!isSliced(request)) return this.#inner.preview(request);
    const opened = this.#opened(true);
    if (!opened.ok) return opened;
    if (!opened.value) return ok(undefined);
    const ready = await this.#ready(request, this.#deadline(), opened.value);
    if (!ready.ok) return ready;
    const plan = this.#plan(request, opened.value);
    if (plan.ok) return ok(undefined);
    if (plan.error.code === "refused") return ok(plan.error.error);
    const want = request.wants[plan.error.want];
    if (!want?.slice || canCutSlice(want, request.node, opened.value.book, this.#tools.state))
      return ok(undefined);
    return ok({ code: "slices_exhausted", pool: want.pool, slice: want.slice });
  }

  async claims(filter: ClaimFilter): Promise<Result<readonly Claim[], StoreError>> {
    const opened = this.#opened(false);
    if (!opened.ok) return opened;
    const listed = await this.#inner.claims(filter);
    if (!opened.value) return listed;
    const own = [...opened.value.holdings.ledger.cells()];
    const slices = new Set(own.map(({ slice }) => poolSpace(slice)));
    const { address, pod, attachment } = filter;
    const held = own.flatMap((cell) => {
      const claim = claimIn(cell);
      const isWanted =
        claim !== undefined &&
        (!address || (address.family === cell.address.family && address.value === cell.address.value)) &&
        (!pod || `${pod.namespace}/${pod.name}` === cell.held?.podref) &&
        (!attachment || (attachment.sandbox === cell.held?.id && attachment.ifname === cell.held.ifname));
      return isWanted ? [claim] : [];
    });
    // What this node holds it knows without the API server; for more than that the server is needed.
    if (!listed.ok) return attachment && held.length > 0 ? ok(held) : listed;
    const others = listed.value.filter(({ pool }) => !slices.has(poolSpace(pool)));
    return ok([...others, ...held].sort(compareClaims));
  }

  pools(): Promise<Result<readonly PoolUsage[], StoreError>> {
    return this.#inner.pools();
  }

  revision(): Promise<Result<string, StoreError>> {
    return this.#inner.revision();
  }

  notes(): readonly string[] {
    const waiting = this.#open?.holdings.mirror.depth ?? 0;
    const conflicts = this.#open?.holdings.conflicts ?? 0;
    return [
      ...this.#inner.notes(),
      ...(waiting > 0
        ? [`${waiting} addresses of this node's slices are not yet written to the API server`]
        : []),
      ...(conflicts > 0
        ? [`${conflicts} addresses of this node's slices were taken by others; see the log`]
        : []),
    ];
  }

  /** Writes what still waits to the API server, at most for so many milliseconds. */
  async flush(): Promise<void> {
    if (this.#open && this.#open.holdings.mirror.depth > 0) await this.#open.holdings.mirror.flush();
  }

  close(): void {
    this.#open?.holdings.close();
    this.#open = undefined;
    this.#inner.close();
  }

  #deadline(): number {
    return this.#parts.clock.elapsed() + this.#parts.patience;
  }

  async #carryOut(change: Change, deadline: number): Promise<Result<Outcome, StoreError>> {
    const isNeeded = change.kind === "acquire" && isSliced(change);
    if (change.kind === "acquire" && !isNeeded) return this.#below(change, deadline);
    const opened = this.#opened(isNeeded);
    if (!opened.ok) return opened;
    const open = opened.value;
    if (!open) return this.#below(change, deadline);
    if (change.kind === "acquire") return this.#acquireInTurn(change, deadline, open);
    return this.#free(change, deadline, open);
  }

  async #below(change: Change, deadline: number): Promise<Result<Outcome, StoreError>> {
    const left = Math.max(1, deadline - this.#parts.clock.elapsed());
    const outcomes = await this.#inner.commit([change], left);
    if (!outcomes.ok) return outcomes;
    const [outcome] = outcomes.value;
    return outcome ? ok(outcome) : ok({ kind: "released", claims: [] });
  }

  /** Opens the journal where there is one, or where one is needed now. */
  #opened(isNeeded: boolean): Result<Open | undefined, StoreError> {
    if (this.#open) return ok(this.#open);
    const { journals, writeDelay } = this.#options;
    if (!isNeeded && !journals.exists(this.name)) return ok(undefined);
    const { clock, log } = this.#parts;
    try {
      const journal = journals.open(this.name);
      const { book } = this.#inner;
      const tools = this.#tools;
      const holdings = new Holdings({ journal, tools, clock, log, store: this.name, delay: writeDelay });
      this.#open = { book, holdings, entitlement: new Entitlement(book, journal, clock) };
      book.start();
      return ok(this.#open);
    } catch (error) {
      const message = `the journal of the node's slices cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
      const hint = "another process of Berth has it, or the agent's state folder cannot be written";
      return err({ code: "store_busy", retry: "transient", store: this.name, message, hint });
    }
  }

  /** In the order of asking: an older sandbox of a pod, which still waits for a slice, must not take over from a newer one. */
  #acquireInTurn(request: Acquire, deadline: number, open: Open): Promise<Result<Outcome, StoreError>> {
    const { pod, ifname } = request.owner;
    return this.#turns.take(`${podRef(pod)}/${ifname}`, () => this.#acquire(request, deadline, open));
  }

  async #acquire(request: Acquire, deadline: number, open: Open): Promise<Result<Outcome, StoreError>> {
    const { clock } = this.#parts;
    const { holdings, book } = open;
    const askUntil = Math.min(deadline, clock.elapsed() + SLICE_PATIENCE);
    for (;;) {
      const ready = await this.#ready(request, deadline, open);
      if (!ready.ok) return ready;
      const planned = await holdings.change((put) => {
        for (const slice of this.#slices(request, open))
          if (this.#tools.source.isCurrent()) holdings.compare(slice, put);
        const plan = this.#plan(request, open);
        if (!plan.ok) return plan;
        const cells = plan.value.claims.map((claim) => {
          const isNew = plan.value.created.includes(claim);
          if (!isNew && !plan.value.renewed.includes(claim))
            return holdings.ledger.at(claim.pool, claim.address);
          const cell = holdings.take(claim);
          put(cell);
          return cell;
        });
        return ok({ ...plan.value, cells: cells.filter((cell) => cell !== undefined) });
      });
      if (!planned.ok) return planned;
      if (planned.value.ok) {
        const { claims, created, cells } = planned.value.value;
        if (this.#isThrough(request)) {
          const failed = await this.#through(cells, created, deadline, open);
          if (failed === "again") continue;
          if (failed) return err(failed);
        }
        this.#keep(request, open);
        this.#askAhead(request, open);
        return ok({ kind: "acquired", claims, created: created.length });
      }
      const { error } = planned.value;
      if (error.code === "refused") return ok({ kind: "refused", error: error.error });
      const want = request.wants[error.want];
      if (!want?.slice) return err(this.#noSlice(want, request.node));
      if (book.isSynced && !canCutSlice(want, request.node, book, this.#tools.state)) {
        return ok({
          kind: "refused",
          error: { code: "slices_exhausted", pool: want.pool, slice: want.slice },
        });
      }
      const have = open.entitlement.slicesOf(want, request.node).length;
      if (book.isSynced)
        await book.ask(want.slice.network, want.pool.range, want.slice.prefix, request.node, have);
      const left = askUntil - clock.elapsed();
      if (left <= 0) return err(this.#noSlice(want, request.node));
      await book.news(Math.min(left, 1_000));
    }
  }

  #plan(request: Acquire, { holdings, entitlement }: Open) {
    const { state, claimed } = this.#tools;
    const slicesOf = (want: Want) => entitlement.slicesOf(want, request.node);
    return planInSlices(request, { ledger: holdings.ledger, state, claimed, slicesOf });
  }

  #slices({ wants, node }: Acquire, { entitlement }: Open): Pool[] {
    return wants.flatMap((want) => entitlement.slicesOf(want, node));
  }

  /** Knows by now which slices the node has and what they hold: from the API server, or from the journal if that is away. */
  async #ready(request: Acquire, deadline: number, open: Open): Promise<Result<void, StoreError>> {
    const { clock } = this.#parts;
    const { book, entitlement } = open;
    const left = deadline - clock.elapsed();
    const isKnown = request.wants.every((want) => entitlement.slicesOf(want, request.node).length > 0);
    const synced = await book.whenSynced(isKnown ? Math.min(left, SYNC_PATIENCE) : left);
    if (!synced.ok && !isKnown) return err(storeError(this.name, synced.error));
    if (synced.ok) {
      const names = this.#slices(request, open).map((slice) => this.#tools.state.bind(slice));
      const pools = await this.#tools.source.ready(
        names,
        isKnown ? clock.elapsed() + Math.min(left, SYNC_PATIENCE) : deadline,
      );
      // Slices that the journal knows were compared when it did; of others the server alone knows what they hold.
      if (!pools.ok && !open.holdings.knows(names)) return err(storeError(this.name, pools.error));
    }
    const age = Math.max(...request.wants.map((want) => entitlement.ageOf(want, request.node)));
    if (age <= CONFIRMED) return ok(undefined);
    return err(
      this.#fenced(
        `the API server has not confirmed the slices of ${request.node} for ${Math.round(age / 60_000)} minutes`,
      ),
    );
  }

  #isThrough(request: Acquire): boolean {
    if (this.#options.writeDelay === 0) return true;
    const { wants, overlapCheck } = request;
    return overlapCheck && wants.some((want) => poolsBeside(want, this.#tools.state, true).length > 0);
  }

  #keep(request: Acquire, { entitlement }: Open): void {
    try {
      entitlement.keep(request);
    } catch (error) {
      // The slices serve as before; only a restart without the API server would not know them.
      this.#parts.log("error", "the journal of the node's slices cannot be written", {
        error: String(error),
      });
    }
  }

  /** Waits until the API server has it; else nothing is given. "again": others have an address of it. */
  async #through(
    cells: readonly Cell[],
    created: readonly Claim[],
    deadline: number,
    { holdings }: Open,
  ): Promise<StoreError | "again" | undefined> {
    const results = await holdings.mirror.settle(cells, deadline);
    const bad = results.filter(({ kind }) => kind !== "done");
    if (bad.length === 0) return undefined;
    const undone = await holdings.change((put) => {
      const back: Cell[] = [];
      for (const { pool, address } of created) {
        const cell = holdings.ledger.at(pool, address);
        if (!cell?.held) continue;
        back.push(handOver(cell, undefined));
      }
      for (const cell of back) put(cell);
      return back;
    });
    if (!undone.ok) return undone.error;
    for (const [index, result] of results.entries()) {
      const cell = cells[index];
      if (cell && result.kind === "taken") {
        this.#tools.claimed.refuse(realmSpace(cell.slice.networkName, cell.address.family), cell.address);
      }
    }
    await holdings.mirror.settle(undone.value, this.#parts.clock.elapsed() + UNDO);
    const failed = bad.find(
      (result): result is Extract<Synced, { kind: "failed" }> => result.kind === "failed",
    );
    return failed ? storeError(this.name, failed.error) : "again";
  }

  /** DEL and GC: what is in the slices is freed at once, what is elsewhere below. */
  async #free(
    change: Exclude<Change, Acquire>,
    deadline: number,
    open: Open,
  ): Promise<Result<Outcome, StoreError>> {
    const { holdings } = open;
    const freed = await holdings.change((put) => {
      const cells =
        change.kind === "release"
          ? holdings.ledger.heldIn(change.sandbox, change.ifname)
          : stale(change, holdings);
      const claims = cells.flatMap((cell) => claimIn(cell) ?? []);
      const after = cells.map((cell) => handOver(cell, undefined));
      for (const cell of after) put(cell);
      return { claims, after };
    });
    if (!freed.ok) return freed;
    const { claims, after } = freed.value;
    if (after.length > 0 && this.#options.writeDelay === 0) {
      const results = await holdings.mirror.settle(after, deadline);
      for (const result of results)
        if (result.kind === "failed") return err(storeError(this.name, result.error));
    }
    const isElsewhere =
      change.kind === "collect" ||
      after.length === 0 ||
      this.#holdsElsewhere(change.sandbox, change.ifname, open);
    if (!isElsewhere) return ok({ kind: "released", claims });
    const below = await this.#below(change, deadline);
    if (!below.ok || below.value.kind !== "released") return below;
    return ok({ kind: "released", claims: [...claims, ...below.value.claims] });
  }

  #holdsElsewhere(sandbox: string, ifname: string, { holdings }: Open): boolean {
    const { state } = this.#tools;
    return [...state.heldIn(sandbox, ifname)].some(
      ({ record, entry }) => holdings.ledger.at(record.pool, entry.address) === undefined,
    );
  }

  /** Asks for a further slice before the ones it has are full. */
  #askAhead({ wants, node }: Acquire, { entitlement, holdings, book }: Open): void {
    if (!book.isSynced) return;
    for (const want of wants) {
      const slices = entitlement.slicesOf(want, node);
      const { left, of } = leftIn(want, slices, holdings.ledger);
      if (!want.slice || left * LOW > of) continue;
      void book.ask(want.slice.network, want.pool.range, want.slice.prefix, node, slices.length, () =>
        canCutSlice(want, node, book, this.#tools.state),
      );
    }
  }

  #noSlice(want: Want | undefined, node: string): StoreError {
    const pool = want?.slice ? `${want.slice.network} (${formatCidr(want.pool.range)})` : "";
    return {
      code: "store_no_slice",
      retry: "transient",
      store: this.name,
      message: `the NodeSlicePool ${pool} has no slice for the node ${node}`,
      hint: "is berth controller running, and does it see the attachment with node_slice_size? berth pools --nodes shows what is given out",
    };
  }

  #fenced(message: string): StoreError {
    const hint = "the node must reach the API server before it gives addresses of its slices again";
    return { code: "store_fenced", retry: "transient", store: this.name, message, hint };
  }
}

function isSliced({ wants }: Acquire): boolean {
  return wants.some(({ slice }) => slice !== undefined);
}

function stale({ network, node, keep }: Collect, { ledger }: Holdings): Cell[] {
  const kept = new Set(keep.map(({ sandbox, ifname }) => `${sandbox}/${ifname}`));
  return [...ledger.cells()].filter(
    ({ held }) =>
      held?.network === network && held.node === node && !kept.has(`${held.id}/${held.ifname ?? ""}`),
  );
}
