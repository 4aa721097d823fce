import { type Clock, sleep, type Timer } from "../../../clock.ts";
import type { ApiError } from "../../../kube/api.ts";
import { reservationName, SLICE_NODE } from "../../../kube/names.ts";
import type { OverlappingRangeIPReservation } from "../../../kube/objects.ts";
import { backoff } from "../../../kube/retry.ts";
import type { Log } from "../../../log.ts";
import { ok } from "../../../result.ts";
import { Turns } from "../../../turns.ts";
import type { Tools } from "../acquisition.ts";
import { sameAllocation } from "../entry.ts";
import { LATE } from "../pool-writer.ts";
import { type Cell, claimIn, isOwn, type Ledger } from "./ledger.ts";

/** `taken`: somebody else has the address in the realm, or stands in the pool. */
export type Synced =
  | { readonly kind: "done"; readonly version: string }
  | { readonly kind: "taken" }
  | { readonly kind: "failed"; readonly error: ApiError };

export type MirrorOptions = {
  readonly tools: Tools;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds that a change may wait for others before it is written. */
  readonly delay: number;
  /** Told what the API server shows of a cell by now; it goes into the journal. */
  readonly written: (cells: readonly (readonly [cell: Cell, version: string])[]) => void;
  /** Told once of an address that another has too, after it was handed out. */
  readonly conflict: (cell: Cell) => void;
};

/** Where the answer waits for the write, it does not wait for this. */
const LEAST_DELAY = 100;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 15_000;
/** Milliseconds for one round of writes. */
const ROUND = 8_000;
const AT_ONCE = 256;

/**
 * Brings what the node holds in its slices to the API server: reservation first, then the pool, as every ADD without slices does.
 * It compares and does not replay, so a round may be repeated after whatever went wrong.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #dirty = new Map<string, Cell>();
  readonly #told = new Set<string>();
  /** Reservations that this process has made, by name: nobody tells it of those of its slices. */
  readonly #reserved = new Map<string, OverlappingRangeIPReservation>();
  readonly #turns = new Turns();
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #failures = 0;
  #since: number | undefined;
  #closed = false;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** How many addresses the API server has still to be told of. */
  get depth(): number {
    return this.#dirty.size;
  }

  /** Milliseconds for which the oldest of them has waited; 0 if there is none. */
  get lag(): number {
    return this.#since === undefined ? 0 : this.#options.clock.elapsed() - this.#since;
  }

  /** The cell has changed: it is written within the delay, and again until it succeeds. */
  mark(cell: Cell): void {
    this.#dirty.set(keyOf(cell), cell);
    this.#since ??= this.#options.clock.elapsed();
    if (this.#failures === 0) this.#schedule(Math.max(LEAST_DELAY, this.#options.delay));
  }

  /** Others have freed the address: what was reserved for it may be gone. */
  freed({ slice, address }: Cell): void {
    this.#reserved.delete(reservationName(slice.networkName, address));
  }

  /** Writes the cells now and says what became of each. What fails stays to be written later. */
  async settle(cells: readonly Cell[], deadline: number): Promise<readonly Synced[]> {
    const results = await Promise.all(cells.map((cell) => this.#sync(cell, deadline)));
    this.#note(cells, results);
    return results;
  }

  /** Writes all that is waiting; resolves after one round. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(ms: number): void {
    if (this.#timer || this.#closed || this.#round) return;
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      void this.#run();
    });
  }

  #run(): Promise<void> {
    this.#round ??= this.#writeAll().finally(() => {
      this.#round = undefined;
      if (this.#dirty.size === 0 || this.#closed) return;
      const { clock, delay } = this.#options;
      const pause =
        this.#failures === 0
          ? Math.max(LEAST_DELAY, delay)
          : backoff(this.#failures - 1, FIRST_PAUSE, LONGEST_PAUSE, clock);
      this.#schedule(pause);
    });
    return this.#round;
  }

  async #writeAll(): Promise<void> {
    const { clock, log } = this.#options;
    await sleep(clock, 0);
    const due = [...this.#dirty.values()];
    let failed: ApiError | undefined;
    for (let at = 0; at < due.length && !failed; at += AT_ONCE) {
      const part = due.slice(at, at + AT_ONCE);
      const results = await this.settle(part, clock.elapsed() + ROUND);
      for (const result of results) if (result.kind === "failed") failed ??= result.error;
    }
    if (!failed) {
      this.#failures = 0;
      if (this.#dirty.size === 0) this.#since = undefined;
      else this.#since = clock.elapsed();
      return;
    }
    this.#failures++;
    if (this.#failures > 1) return;
    const { code, message, hint } = failed;
    log("error", "slices cannot be written to the API server; they are kept on this node and tried again", {
      code,
      message,
      hint,
      addresses: this.#dirty.size,
    });
  }

  #note(cells: readonly Cell[], results: readonly Synced[]): void {
    const written: [Cell, string][] = [];
    for (const [index, cell] of cells.entries()) {
      const result = results[index];
      if (result === undefined || result.kind === "failed") continue;
      const isLatest = this.#options.ledger.at(cell.slice, cell.address) === cell;
      // Changed again meanwhile: that has been marked, and is written next.
      if (this.#dirty.get(keyOf(cell)) === cell) this.#dirty.delete(keyOf(cell));
      if (result.kind === "taken") this.#tell(cell);
      else if (isLatest) written.push([cell, result.version]);
    }
    if (written.length > 0) this.#options.written(written);
  }

  #tell(cell: Cell): void {
    if (this.#told.has(keyOf(cell))) return;
    this.#told.add(keyOf(cell));
    this.#options.conflict(cell);
  }

  #sync(cell: Cell, deadline: number): Promise<Synced> {
    return this.#turns.take(keyOf(cell), async () => {
      const latest = this.#options.ledger.at(cell.slice, cell.address);
      return latest ? this.#write(latest, deadline) : { kind: "done", version: "" };
    });
  }

  async #write(cell: Cell, deadline: number): Promise<Synced> {
    const { source, state } = this.#options.tools;
    state.bind(cell.slice);
    const ready = await source.ready([cell.pool], deadline);
    if (!ready.ok) return { kind: "failed", error: ready.error };
    return cell.held ? this.#put(cell, cell.held, deadline) : this.#remove(cell, deadline);
  }

  async #put(cell: Cell, held: NonNullable<Cell["held"]>, deadline: number): Promise<Synced> {
    const { state, writer } = this.#options.tools;
    if (cell.overlapCheck) {
      const reserved = await this.#reserve(cell, deadline);
      if (reserved) return reserved;
    }
    const was = state.pool(cell.pool)?.at(cell.address);
    if (was && !isOwn(cell, was)) return { kind: "taken" };
    if (!was || !sameAllocation(was, held)) {
      const op = { kind: "put", address: cell.address, allocation: held, ...(was && { was }) } as const;
      const result = await writer(cell.pool, cell.slice).submit(op, deadline);
      if (result.kind === "lost") return { kind: "failed", error: LATE };
      if (result.kind === "failed") return result;
    }
    return { kind: "done", version: state.pool(cell.pool)?.object.metadata.resourceVersion ?? "" };
  }

  /** Undefined: the address is reserved for its owner. */
  async #reserve(cell: Cell, deadline: number): Promise<Synced | undefined> {
    const name = reservationName(cell.slice.networkName, cell.address);
    const first = await this.#reserveFrom(this.#known(name), cell, deadline);
    if (first?.kind !== "taken") return first;
    // Perhaps by a former owner, for whom an earlier process of this node, or the node that had the slice before, has reserved it.
    const looked = await this.#options.tools.reserver.look(name, deadline);
    if (!looked.ok) return { kind: "failed", error: looked.error };
    const found = looked.value;
    if (found && !isOfOwner(found, cell) && !isOfNode(found, cell) && !this.#isLeftOver(found)) return first;
    return this.#reserveFrom(found, cell, deadline);
  }

  /** `found`: the reservation that is there, as far as is known. */
  async #reserveFrom(
    found: OverlappingRangeIPReservation | undefined,
    cell: Cell,
    deadline: number,
  ): Promise<Synced | undefined> {
    const claim = claimIn(cell);
    if (!claim || (found && isOfOwner(found, cell))) return undefined;
    const isOurs = found && (isOfNode(found, cell) || this.#isLeftOver(found));
    const own = isOurs ? { object: found, means: [] } : undefined;
    const result = await this.#options.tools.reserver.reserve(claim, own, deadline, true);
    if (result.kind !== "reserved") return result;
    this.#reserved.set(result.object.metadata.name, result.object);
    return undefined;
  }

  /** Whether it was made for an address of a slice, and nothing stands behind it any more: by now the slice is this node's. */
  #isLeftOver(found: OverlappingRangeIPReservation): boolean {
    return found.metadata.labels?.[SLICE_NODE] !== undefined && !this.#options.tools.state.isBacked(found);
  }

  #known(name: string): OverlappingRangeIPReservation | undefined {
    return this.#options.tools.state.reservation(name)?.object ?? this.#reserved.get(name);
  }

  async #remove(cell: Cell, deadline: number): Promise<Synced> {
    const { state, writer, reserver } = this.#options.tools;
    const was = state.pool(cell.pool)?.at(cell.address);
    if (was && isOwn(cell, was)) {
      const op = { kind: "remove", address: cell.address, was } as const;
      const result = await writer(cell.pool, cell.slice).submit(op, deadline);
      if (result.kind === "failed") return result;
    }
    if (cell.overlapCheck) {
      const name = reservationName(cell.slice.networkName, cell.address);
      const known = this.#known(name);
      const looked = known ? ok(known) : await reserver.look(name, deadline);
      if (!looked.ok) return { kind: "failed", error: looked.error };
      if (looked.value && isOfNode(looked.value, cell)) {
        const removed = await reserver.remove(looked.value, deadline);
        if (!removed.ok) return { kind: "failed", error: removed.error };
      }
      this.#reserved.delete(name);
    }
    return { kind: "done", version: "" };
  }
}

/** Whether a reservation is that of the cell's owner, to the sandbox. */
function isOfOwner({ spec }: OverlappingRangeIPReservation, { held }: Cell): boolean {
  const { podref, ifname = "", containerid } = spec;
  if (held?.podref !== podref || (held.ifname ?? "") !== ifname) return false;
  return containerid === undefined || containerid === held.id;
}

/** Whether a reservation is that of an owner whom this node has had there. */
function isOfNode({ spec }: OverlappingRangeIPReservation, { held, former }: Cell): boolean {
  const { podref, ifname = "" } = spec;
  return [...(held ? [held] : []), ...former].some(
    (owner) => owner.podref === podref && (owner.ifname ?? "") === ifname,
  );
}

function keyOf({ pool, offset }: Cell): string {
  return `${pool}/${offset}`;
}
