import type { Acquire, AllocationError, Change, Claim, Outcome, Want } from "../../../allocation/claim.ts";
import { podRef } from "../../../allocation/owner.ts";
import { poolSpace } from "../../../allocation/pool.ts";
import type { Clock } from "../../../clock.ts";
import { formatAddress } from "../../../ip/address.ts";
import type { Log } from "../../../log.ts";
import { err, ok, type Result } from "../../../result.ts";
import { Turns } from "../../../turns.ts";
import { compareClaims } from "../../order.ts";
import type { ClaimFilter, PoolUsage, SliceFigures, SliceUse, Store, StoreError } from "../../store.ts";
import type { KubernetesStore } from "../kubernetes.ts";
import { canCutSlice, Entitlement } from "./entitlement.ts";
import { Holdings } from "./holdings.ts";
import type { SliceJournals } from "./journal.ts";
import { type Cell, claimIn } from "./ledger.ts";
import { makeReady } from "./readiness.ts";
import { Returns } from "./returns.ts";
import type { Sandbox } from "./sandboxes.ts";
import { addInSlices, planAdd } from "./slice-add.ts";
import { freeInSlices } from "./slice-free.ts";
import { sliceUses } from "./usage.ts";
import type { Workings } from "./workings.ts";

export type SliceOptions = {
  readonly journals: SliceJournals;
  /** Milliseconds that a change may wait before it is written to the API server; 0: it is written before the answer. */
  readonly writeDelay: number;
  /** The sandboxes of this node as its runtime knows them. */
  readonly sandboxes: () => readonly Sandbox[];
};

type Parts = { readonly clock: Clock; readonly log: Log; readonly patience: number };

type Open = Workings & { readonly returns: Returns };

/** A Kubernetes store in which a node serves its own slices by itself; all else is the store's below. */
export class SlicedStore implements Store {
  readonly name: string;
  readonly parallel = true;
  readonly #inner: KubernetesStore;
  readonly #parts: Parts;
  readonly #options: SliceOptions;
  readonly #turns = new Turns();
  readonly #exhausted = new Map<string, number>();
  #open: Open | undefined;

  constructor(inner: KubernetesStore, parts: Parts, options: SliceOptions) {
    this.name = inner.name;
    this.#inner = inner;
    this.#parts = parts;
    this.#options = options;
  }

  /** Takes up the work of an earlier process of this node, if there was one: what it left is written without a call. */
  resume(): void {
    const opened = this.#opened(false);
    if (!opened.ok) this.#parts.log("verbose", opened.error.message, { store: this.name });
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
    const deadline = this.#parts.clock.elapsed() + this.#parts.patience;
    const ready = await makeReady(request, deadline, opened.value);
    if (!ready.ok) return ready;
    const plan = planAdd(request, ready.value, opened.value);
    if (plan.ok) return ok(undefined);
    if (plan.error.code === "refused") return ok(plan.error.error);
    const want = request.wants[plan.error.want];
    if (!want?.slice || canCutSlice(want, request.node, opened.value.book, this.#inner.tools.state))
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

  pools(patience?: number): Promise<Result<readonly PoolUsage[], StoreError>> {
    return this.#inner.pools(patience);
  }

  async slices(): Promise<Result<readonly SliceUse[], StoreError>> {
    const all = await this.#inner.slices();
    const own = this.sliceFigures()?.uses ?? [];
    if (!all.ok) return all;
    const isOwn = ({ pool, node }: SliceUse) => own.some((use) => use.pool === pool && use.node === node);
    return ok([...all.value.filter((use) => !isOwn(use)), ...own]);
  }

  sliceFigures(): SliceFigures | undefined {
    if (!this.#open) return undefined;
    const { book, entitlement, holdings } = this.#open;
    const { depth: waiting, lag } = holdings.mirror;
    const held = new Map<string, number>();
    for (const { pool, held: holder } of holdings.ledger.cells())
      if (holder) held.set(pool, (held.get(pool) ?? 0) + 1);
    const uses = sliceUses(
      book.pools(),
      (name) => held.get(name) ?? 0,
      (node) => entitlement.nodes.has(node),
    );
    return { uses, exhausted: this.#exhausted, conflicts: holdings.conflicts, waiting, lag };
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
    this.#open?.returns.close();
    this.#open?.holdings.close();
    this.#open = undefined;
    this.#inner.close();
  }

  async #carryOut(change: Change, deadline: number): Promise<Result<Outcome, StoreError>> {
    const isNeeded = change.kind === "acquire" && isSliced(change);
    if (change.kind === "acquire" && !isNeeded) return this.#below(change, deadline);
    const opened = this.#opened(isNeeded);
    if (!opened.ok) return opened;
    const open = opened.value;
    if (!open) return this.#below(change, deadline);
    if (change.kind === "acquire") {
      const { pod, ifname } = change.owner;
      // In the order of asking: an older sandbox of a pod, which still waits for a slice, must not take over from a newer one.
      return this.#turns.take(`${podRef(pod)}/${ifname}`, () => addInSlices(change, deadline, open));
    }
    const freed = await freeInSlices(change, deadline, open);
    if (!freed.ok) return freed;
    const { claims, isElsewhere } = freed.value;
    if (!isElsewhere) return ok({ kind: "released", claims });
    const below = await this.#below(change, deadline);
    if (!below.ok || below.value.kind !== "released") return below;
    return ok({ kind: "released", claims: [...claims, ...below.value.claims] });
  }

  #noteExhausted({ pool, slice }: Want, node: string): void {
    const found = slice && this.#inner.book.find(slice.network, pool.range);
    if (!found) return;
    this.#exhausted.set(found.name, (this.#exhausted.get(found.name) ?? 0) + 1);
    this.#inner.tellExhausted(found.object, node);
  }

  #tellConflict(cell: Cell): void {
    const claim = claimIn(cell);
    if (claim) this.#inner.tellConflict(claim.owner.pod, formatAddress(cell.address));
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
    const { journals, writeDelay, sandboxes } = this.#options;
    if (!isNeeded && !journals.exists(this.name)) return ok(undefined);
    const { clock, log } = this.#parts;
    try {
      const journal = journals.open(this.name);
      const { book, tools } = this.#inner;
      const { name: store } = this;
      const conflict = (cell: Cell) => this.#tellConflict(cell);
      const holdings = new Holdings({ journal, tools, clock, log, store, delay: writeDelay, conflict });
      const entitlement = new Entitlement(book, journal, clock);
      const workings = {
        ...{ store, clock, log, tools, book, entitlement, holdings, writeDelay, sandboxes, conflict },
        underWay: new Map(),
        exhausted: (want: Want, node: string) => this.#noteExhausted(want, node),
      };
      this.#open = { ...workings, returns: new Returns(workings) };
      book.start();
      return ok(this.#open);
    } catch (error) {
      const message = `the journal of the node's slices cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
      const hint = "another process of Berth has it, or the agent's state folder cannot be written";
      return err({ code: "store_busy", retry: "transient", store: this.name, message, hint });
    }
  }
}

function isSliced({ wants }: Acquire): boolean {
  return wants.some(({ slice }) => slice !== undefined);
}
