import type { Claim } from "../../../allocation/claim.ts";
import type { Pool } from "../../../allocation/pool.ts";
import { type Clock, sleep } from "../../../clock.ts";
import { formatAddress } from "../../../ip/address.ts";
import { parseCidr } from "../../../ip/cidr.ts";
import { poolName, reservationName } from "../../../kube/names.ts";
import type { Log } from "../../../log.ts";
import { err, ok, type Result } from "../../../result.ts";
import type { StoreError } from "../../store.ts";
import type { Tools } from "../acquisition.ts";
import { addressAt } from "../entry.ts";
import type { PoolRecord } from "../pool-record.ts";
import type { Grant, SliceJournal } from "./journal.ts";
import { type Cell, cellFor, emptyCell, isOwn, Ledger, rowOf } from "./ledger.ts";
import { Mirror } from "./mirror.ts";
import { journalFailed } from "./workings.ts";

export type HoldingsOptions = {
  readonly journal: SliceJournal;
  readonly tools: Tools;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: string;
  readonly delay: number;
  /** Told of an address that another has too, after it was given. */
  readonly conflict: (cell: Cell) => void;
};

type Job = {
  readonly body: (put: (cell: Cell) => void) => void;
  readonly done: (error?: StoreError) => void;
};

/** What the node holds in its slices: in memory, on disk, and behind that at the API server. */
export class Holdings {
  readonly ledger = new Ledger();
  readonly mirror: Mirror;
  readonly #options: HoldingsOptions;
  readonly #jobs: Job[] = [];
  /** The version of each pool object that was compared last. */
  readonly #compared = new Map<string, string>();
  readonly #trusted: Set<string>;
  #running = false;
  conflicts = 0;

  constructor(options: HoldingsOptions) {
    this.#options = options;
    const { journal, tools, clock, log, delay } = options;
    const { ledger } = this;
    this.mirror = new Mirror({
      tools,
      ledger,
      clock,
      log,
      delay,
      written: (cells) => this.#written(cells),
      conflict: (cell) => this.#conflict(cell),
    });
    const slices = sliceNames(journal.grants());
    this.#trusted = new Set(slices.keys());
    for (const row of journal.rows()) {
      const slice = slices.get(row.pool);
      const address = slice && addressAt(slice, row.offset);
      // Of a slice that was taken from this node since: nothing in it is its own any more.
      if (slice === undefined || address === undefined) continue;
      const cell = { ...row, slice, address };
      ledger.put(cell);
      if (isUnwritten(cell)) this.mirror.mark(cell);
    }
  }

  /**
   * Carries out a change of cells. What arrives together shares one write to the disk; it is answered when that has been synced,
   * and if it fails nothing has changed.
   */
  async change<T>(body: (put: (cell: Cell) => void) => T): Promise<Result<T, StoreError>> {
    const { promise, resolve, reject } = Promise.withResolvers<Result<T, StoreError>>();
    let value: { readonly is: T } | undefined;
    this.#jobs.push({
      body: (put) => {
        try {
          value = { is: body(put) };
        } catch (thrown) {
          reject(thrown);
        }
      },
      done: (error) => {
        if (error) resolve(err(error));
        else if (value) resolve(ok(value.is));
      },
    });
    if (!this.#running) void this.#run();
    return promise;
  }

  /**
   * Takes over what the API server knows of a slice and this node does not: from another process, or from before its disk was lost.
   * `overlapCheck`: whether that may be reserved too. Which addresses are, the node is not told; it looks when one is freed.
   */
  compare(slice: Pool, put: (cell: Cell) => void, overlapCheck = true): void {
    const { tools } = this.#options;
    const name = tools.state.bind(slice);
    const record = tools.state.pool(name);
    const version = record?.object.metadata.resourceVersion ?? "";
    if (this.#compared.get(name) === version) return;
    this.#compared.set(name, version);
    this.#trusted.add(name);
    for (const { address, allocation } of record?.entries() ?? []) {
      const known = this.ledger.at(slice, address);
      if (known && (known.held || isOwn(known, allocation))) continue;
      const isReserved =
        overlapCheck || tools.state.reservation(reservationName(slice.networkName, address)) !== undefined;
      put({ ...(known ?? emptyCell(slice, address, isReserved)), held: allocation, version });
    }
    for (const cell of this.ledger.cells()) {
      if (cell.pool === name && cell.held && cell.version !== "") this.#compareHeld(cell, record, put);
    }
  }

  /** Whether nothing of a slice is held, nor perhaps still held in the eyes of the API server. */
  isEmpty(slice: Pool): boolean {
    return this.ledger.used(slice).count === 0n;
  }

  /** Whether this node knows all that is held in slices of these names, be the API server away or not. */
  knows(names: readonly string[]): boolean {
    return names.every((name) => this.#trusted.has(name));
  }

  /** The slice is another's from now on; if it comes back, it is looked at anew. */
  forget(slice: Pool): void {
    const name = poolName(slice);
    this.#trusted.delete(name);
    this.#compared.delete(name);
  }

  /** The cell of a claim with its new owner. */
  take(claim: Claim): Cell {
    const { pool, address, overlapCheck } = claim;
    return cellFor(this.ledger.at(pool, address) ?? emptyCell(pool, address, overlapCheck), claim);
  }

  close(): void {
    this.mirror.close();
    this.#options.journal.close();
  }

  /** An entry that the server has shown and shows no more. */
  #compareHeld(cell: Cell, record: PoolRecord | undefined, put: (cell: Cell) => void): void {
    if (record?.at(cell.address)) return;
    const { held, ...rest } = cell;
    // The whole object is gone, or is older than what we saw (a restored backup): that frees nobody.
    if (!record || !isLater(record.object.metadata.resourceVersion, cell.version)) {
      put({ ...cell, version: "" });
      return;
    }
    put({ ...rest, former: [], version: "" });
    this.mirror.freed(cell);
    this.#options.log("verbose", "an address of a slice was freed by others", {
      pool: cell.pool,
      address: formatAddress(cell.address),
      pod: held?.podref,
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#jobs.length > 0) {
      await sleep(this.#options.clock, 0);
      const jobs = this.#jobs.splice(0);
      const before = new Map<string, Cell>();
      const touched = new Map<string, Cell>();
      const put = (cell: Cell) => {
        const key = `${cell.pool}/${cell.offset}`;
        const was = this.ledger.put(cell);
        if (!touched.has(key)) before.set(key, was ?? { ...withoutHeld(cell), former: [] });
        touched.set(key, cell);
      };
      for (const { body } of jobs) body(put);
      const failed = this.#write([...touched.values()]);
      if (failed) for (const cell of before.values()) this.ledger.put(cell);
      else for (const cell of touched.values()) if (isUnwritten(cell)) this.mirror.mark(cell);
      for (const { done } of jobs) done(failed);
    }
    this.#running = false;
  }

  #write(cells: readonly Cell[]): StoreError | undefined {
    const { journal, store } = this.#options;
    const isEmpty = (cell: Cell) => cell.held === undefined && cell.former.length === 0;
    try {
      journal.write(cells.filter((cell) => !isEmpty(cell)).map(rowOf), cells.filter(isEmpty));
      return undefined;
    } catch (error) {
      return journalFailed(store, error);
    }
  }

  #written(cells: readonly (readonly [cell: Cell, version: string])[]): void {
    const now: Cell[] = [];
    for (const [cell, version] of cells) {
      const next = { ...cell, former: [], version: cell.held ? version : "" };
      this.ledger.put(next);
      now.push(next);
    }
    // Were this lost, the same would be found out again.
    this.#write(now);
  }

  #conflict(cell: Cell): void {
    this.conflicts++;
    this.#options.conflict(cell);
    this.#options.log("error", "an address of this node's slice was taken by others", {
      pool: cell.pool,
      address: formatAddress(cell.address),
      pod: cell.held?.podref,
    });
  }
}

function isUnwritten({ held, former, version }: Cell): boolean {
  return former.length > 0 || (held !== undefined && version === "");
}

function withoutHeld({ held: _, ...rest }: Cell): Cell {
  return rest;
}

function sliceNames(grants: readonly Grant[]): ReadonlyMap<string, Pool> {
  const slices = new Map<string, Pool>();
  for (const { networkName, node, slice } of grants) {
    const range = parseCidr(slice);
    if (!range.ok) continue;
    const pool = { networkName, node, range: range.value };
    slices.set(poolName(pool), pool);
  }
  return slices;
}

/** Versions of one kind can be compared as numbers (KEP-5504). */
function isLater(version: string | undefined, than: string): boolean {
  const read = (text: string | undefined) => (/^[0-9]{1,20}$/.test(text ?? "") ? BigInt(text ?? "") : 0n);
  return read(version) >= read(than);
}
