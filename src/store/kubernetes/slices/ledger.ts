import type { Claim } from "../../../allocation/claim.ts";
import type { UsedSpace } from "../../../allocation/free.ts";
import { type Pod, podRef } from "../../../allocation/owner.ts";
import { type Pool, poolSpace, type Space } from "../../../allocation/pool.ts";
import type { Address } from "../../../ip/address.ts";
import { IntervalSet } from "../../../ip/interval-set.ts";
import { poolName } from "../../../kube/names.ts";
import type { IPAllocation } from "../../../kube/objects.ts";
import { allocationOf, claimOf, offsetOf, sameAllocation } from "../entry.ts";
import { Index } from "../index-of.ts";
import type { SliceRow } from "./journal.ts";

/** One address of a slice of this node: a row of the journal with its place. */
export type Cell = SliceRow & { readonly slice: Pool; readonly address: Address };

/** What the node holds in its slices, ready for planning; the journal's picture in memory. */
export class Ledger {
  readonly #cells = new Map<string, Cell>();
  readonly #byOwner = new Index<string, string>();
  readonly #bySandbox = new Index<string, string>();
  readonly #held = new Map<Space, IntervalSet>();
  /** Held, or perhaps still held in the eyes of the API server. */
  readonly #busy = new Map<Space, IntervalSet>();

  cells(): Iterable<Cell> {
    return this.#cells.values();
  }

  at(slice: Pool, address: Address): Cell | undefined {
    return this.#cells.get(keyOf(poolName(slice), offsetOf(slice, address)));
  }

  /** Takes over the cell as it is now; one without owners is forgotten. What was there comes back. */
  put(cell: Cell): Cell | undefined {
    const key = keyOf(cell.pool, cell.offset);
    const before = this.#cells.get(key);
    if (before?.held) this.#unlink(before.held, key);
    const space = poolSpace(cell.slice);
    const { value } = cell.address;
    if (cell.held) {
      this.#byOwner.add(ownerKey(cell.held.podref, cell.held.ifname), key);
      this.#bySandbox.add(ownerKey(cell.held.id, cell.held.ifname), key);
      setOf(this.#held, space).add(value);
    } else setOf(this.#held, space).delete(value);
    const isEmpty = cell.held === undefined && cell.former.length === 0;
    if (isEmpty) {
      this.#cells.delete(key);
      setOf(this.#busy, space).delete(value);
    } else {
      this.#cells.set(key, cell);
      setOf(this.#busy, space).add(value);
    }
    return before;
  }

  /** The addresses in use; `reuse`: those are free at once that the API server has not yet been told of. */
  used(slice: Pool, reuse = false): UsedSpace & { readonly count: bigint } {
    return setOf(reuse ? this.#held : this.#busy, poolSpace(slice));
  }

  heldBy(pod: Pod, ifname: string): Cell[] {
    return this.#all(this.#byOwner.get(ownerKey(podRef(pod), ifname)));
  }

  heldIn(sandbox: string, ifname: string): Cell[] {
    return this.#all(this.#bySandbox.get(ownerKey(sandbox, ifname)));
  }

  /** What the sandbox held and the API server may still show: an ADD that was taken back, or a DEL that is not written yet. */
  formerlyIn(sandbox: string, ifname: string): Cell[] {
    const isIt = ({ id, ifname: name = "" }: IPAllocation) => id === sandbox && name === ifname;
    return [...this.#cells.values()].filter(({ former }) => former.some(isIt));
  }

  #all(keys: Iterable<string>): Cell[] {
    return [...keys].flatMap((key) => this.#cells.get(key) ?? []);
  }

  #unlink(held: IPAllocation, key: string): void {
    this.#byOwner.delete(ownerKey(held.podref, held.ifname), key);
    this.#bySandbox.delete(ownerKey(held.id, held.ifname), key);
  }
}

export function emptyCell(slice: Pool, address: Address, overlapCheck: boolean): Cell {
  const pool = poolName(slice);
  return { slice, address, pool, offset: offsetOf(slice, address), former: [], overlapCheck, version: "" };
}

/** The cell with another owner, or none; whoever had it before may still stand at the API server. */
export function handOver(cell: Cell, held: IPAllocation | undefined): Cell {
  const { held: before, ...rest } = cell;
  const former = before === undefined ? cell.former : [...cell.former, before];
  return { ...rest, former, version: "", ...(held && { held }) };
}

export function rowOf({ slice: _slice, address: _address, ...row }: Cell): SliceRow {
  return row;
}

export function claimIn(cell: Cell): Claim | undefined {
  if (cell.held === undefined) return undefined;
  return claimOf(cell.slice, { address: cell.address, allocation: cell.held }, cell.overlapCheck);
}

/** Whether a record at the API server is one that this node has made there, now or before. */
export function isOwn({ held, former }: Cell, found: IPAllocation): boolean {
  return [...(held ? [held] : []), ...former].some((known) => sameAllocation(known, found));
}

export function cellFor(cell: Cell, claim: Claim): Cell {
  return { ...handOver(cell, allocationOf(claim)), overlapCheck: claim.overlapCheck };
}

function keyOf(pool: string, offset: string): string {
  return `${pool}/${offset}`;
}

function ownerKey(owner: string, ifname = ""): string {
  return `${owner}/${ifname}`;
}

function setOf(sets: Map<Space, IntervalSet>, space: Space): IntervalSet {
  const found = sets.get(space) ?? new IntervalSet();
  sets.set(space, found);
  return found;
}
