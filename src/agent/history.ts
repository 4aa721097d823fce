import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Claim, Outcome } from "../allocation/claim.ts";
import type { Clock, Timer } from "../clock.ts";
import { type Holding, holderName } from "../inspect/holding.ts";
import { type Address, formatAddress } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";

const LAYOUT = `CREATE TABLE IF NOT EXISTS holding (
  id INTEGER PRIMARY KEY,
  store TEXT NOT NULL,
  network_name TEXT NOT NULL,
  pool TEXT NOT NULL,
  address TEXT NOT NULL,
  pod TEXT NOT NULL,
  uid TEXT NOT NULL,
  ifname TEXT NOT NULL,
  sandbox TEXT NOT NULL,
  node TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS holding_now ON holding (store, network_name, pool, address) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS holding_by_address ON holding (address, since);
CREATE INDEX IF NOT EXISTS holding_by_pod ON holding (pod, since);
CREATE INDEX IF NOT EXISTS holding_by_end ON holding (until) WHERE until IS NOT NULL;
PRAGMA user_version = 1;`;

/** How far back the history goes: what ended longer ago is forgotten, and beyond that many holdings the oldest. */
export type HistoryBounds = { readonly age: number; readonly count: number };

const BOUNDS: HistoryBounds = { age: 90 * 86_400_000, count: 500_000 };
/** What happened is written together, that many milliseconds later: nobody waits for it, and one write serves many. */
const DELAY = 250;
/** What cannot be written is kept that long: then the oldest goes, with a line in the log. */
const MOST_WAITING = 20_000;
const PATIENCE = 2_000;
/** Milliseconds between two looks for what is too old or too much: counting reads the whole index. */
const FORGET_EVERY = 60_000;

export function historyPath(stateDir: string): string {
  return join(stateDir, "history.db");
}

type Note = { readonly store: string; readonly claim: Claim; readonly ended: boolean; readonly at: number };

/**
 * Who held which address when, in one SQLite file of the node. The store stays the truth: what a killed process did not write is
 * found again by `reconcile`, which compares the history with the claims.
 */
export class History {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #bounds: HistoryBounds;
  #waiting: Note[] = [];
  #forgotAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  private constructor(db: Database, clock: Clock, log: Log, bounds: HistoryBounds) {
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
    this.#bounds = bounds;
  }

  /** Opens the file and makes it where it is missing. Throws what SQLite throws. */
  static open(path: string, clock: Clock, log: Log, bounds = BOUNDS): History {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const db = new Database(path, { create: true, readwrite: true });
    try {
      chmodSync(path, 0o600);
      db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
      db.run("PRAGMA journal_mode = WAL");
      // A power cut may take the last moments, which `reconcile` finds again: no call has to wait for the disk.
      db.run("PRAGMA synchronous = NORMAL");
      // KiB: rows are written once and seldom read, so a large cache would only cost the agent memory.
      db.run("PRAGMA cache_size = -256");
      db.run(LAYOUT);
      return new History(db, clock, log, bounds);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Takes down what a commit did. Returns at once and never throws. */
  note(store: string, outcomes: readonly Outcome[]): void {
    const at = this.#clock.now();
    for (const outcome of outcomes) {
      if (outcome.kind === "refused") continue;
      const ended = outcome.kind === "released";
      for (const claim of outcome.claims) this.#waiting.push({ store, claim, ended, at });
    }
    this.#schedule();
  }

  /** Brings the history in line with what a node holds: what is missing began when the claim says, what is gone ended now. */
  reconcile(store: string, node: string, claims: readonly Claim[]): void {
    const here = claims.filter((claim) => claim.node === node);
    const held = new Set(here.map(keyOf));
    const open = this.#db
      .query<Row, [string, string]>("SELECT * FROM holding WHERE store = ? AND node = ? AND until IS NULL")
      .all(store, node);
    const now = this.#clock.now();
    const end = this.#db.query("UPDATE holding SET until = ? WHERE id = ?");
    this.#db.transaction(() => {
      for (const row of open) {
        if (!held.has(`${row.address} ${row.pool} ${row.network_name}`)) end.run(now, row.id);
      }
      for (const claim of here) this.#begin(store, claim, now);
    })();
  }

  /** Writes what is waiting. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const notes = this.#waiting;
    if (notes.length === 0) return;
    try {
      this.#db.transaction(() => {
        for (const { store, claim, ended, at } of notes) {
          this.#begin(store, claim, at);
          if (ended) this.#end(store, claim, at);
        }
        this.#forget();
      })();
      this.#waiting = [];
    } catch (error) {
      const lost = Math.max(0, notes.length - MOST_WAITING);
      this.#waiting = notes.slice(lost);
      this.#log("error", "the history cannot be written", {
        why: String(error),
        waiting: notes.length,
        lost,
      });
    }
  }

  close(): void {
    this.flush();
    this.#db.close();
  }

  #schedule(): void {
    if (this.#waiting.length === 0 || this.#timer) return;
    this.#timer = this.#clock.after(DELAY, () => {
      this.flush();
      this.#schedule(); // what could not be written is tried again
    });
  }

  #begin(store: string, claim: Claim, at: number): void {
    const { pool, owner, node } = claim;
    const key = [store, pool.networkName, formatCidr(pool.range), formatAddress(claim.address)] as const;
    const find =
      "SELECT * FROM holding WHERE store = ? AND network_name = ? AND pool = ? AND address = ? AND until IS NULL";
    const now = this.#db.query<Row, string[]>(find).get(...key);
    const who = holderName(claim);
    const uid = owner.pod.uid ?? "";
    if (
      now &&
      now.pod === who &&
      now.ifname === owner.ifname &&
      (now.uid === uid || now.uid === "" || uid === "")
    ) {
      const renew = "UPDATE holding SET uid = ?, sandbox = ?, node = ? WHERE id = ?";
      this.#db.query(renew).run(uid || now.uid, owner.sandbox, node, now.id);
      return;
    }
    // Somebody else's end was missed: no later than this one's beginning.
    if (now)
      this.#db
        .query("UPDATE holding SET until = ? WHERE id = ?")
        .run(Math.max(now.since, Math.min(at, claim.since)), now.id);
    const insert = `INSERT INTO holding (store, network_name, pool, address, pod, uid, ifname, sandbox, node, since)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    this.#db.query(insert).run(...key, who, uid, owner.ifname, owner.sandbox, node, claim.since);
  }

  #end(store: string, { pool, address }: Claim, at: number): void {
    const sql =
      "UPDATE holding SET until = ? WHERE store = ? AND network_name = ? AND pool = ? AND address = ? AND until IS NULL";
    this.#db.query(sql).run(at, store, pool.networkName, formatCidr(pool.range), formatAddress(address));
  }

  #forget(): void {
    if (this.#clock.elapsed() - this.#forgotAt < FORGET_EVERY) return;
    this.#forgotAt = this.#clock.elapsed();
    this.#db.query("DELETE FROM holding WHERE until < ?").run(this.#clock.now() - this.#bounds.age);
    const count =
      this.#db.query<{ count: number }, []>("SELECT count(*) AS count FROM holding").get()?.count ?? 0;
    if (count <= this.#bounds.count) return;
    const oldest =
      "DELETE FROM holding WHERE id IN (SELECT id FROM holding WHERE until IS NOT NULL ORDER BY until LIMIT ?)";
    this.#db.query(oldest).run(count - this.#bounds.count);
  }
}

/** A store whose commits are taken down. */
export function recorded(store: Store, history: History): Store {
  const { revision, notes, flush, slices, sliceFigures, tellPod } = store;
  return {
    name: store.name,
    ...(store.parallel && { parallel: true }),
    commit: async (changes, patience) => {
      const outcomes = await store.commit(changes, patience);
      if (outcomes.ok) history.note(store.name, outcomes.value);
      return outcomes;
    },
    preview: (request) => store.preview(request),
    claims: (filter) => store.claims(filter),
    pools: (patience) => store.pools(patience),
    ...(revision && { revision: () => revision.call(store) }),
    ...(notes && { notes: () => notes.call(store) }),
    ...(flush && { flush: () => flush.call(store) }),
    ...(slices && { slices: () => slices.call(store) }),
    ...(sliceFigures && { sliceFigures: () => sliceFigures.call(store) }),
    ...(tellPod && { tellPod: (pod, why) => tellPod.call(store, pod, why) }),
    close: () => store.close(),
  };
}

type Row = {
  id: number;
  network_name: string;
  pool: string;
  address: string;
  pod: string;
  uid: string;
  ifname: string;
  sandbox: string;
  node: string;
  since: number;
  until: number | null;
};

/** What is asked of the history: of an address or a pod, at all times or at one. */
export type HistoryQuery = {
  readonly address?: Address;
  /** `namespace/name`. */
  readonly pod?: string;
  /** Milliseconds since 1970. */
  readonly at?: number;
};

const MOST_SHOWN = 1000;

/** Reads the history of a node, newest first; it may be written at the same time. Throws what SQLite throws. */
export function readHistory(path: string, { address, pod, at }: HistoryQuery): Holding[] {
  const db = new Database(path, { readonly: true });
  try {
    db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
    const conditions: string[] = ["1"];
    const values: (string | number)[] = [];
    const add = (condition: string, ...more: (string | number)[]) => {
      conditions.push(condition);
      values.push(...more);
    };
    if (address) add("address = ?", formatAddress(address));
    if (pod !== undefined) add("pod = ?", pod);
    if (at !== undefined) add("since <= ? AND (until IS NULL OR until > ?)", at, at);
    const sql = `SELECT * FROM holding WHERE ${conditions.join(" AND ")} ORDER BY since DESC, id DESC LIMIT ${MOST_SHOWN}`;
    return db
      .query<Row, (string | number)[]>(sql)
      .all(...values)
      .map(holdingOf);
  } finally {
    db.close();
  }
}

function holdingOf(row: Row): Holding {
  return {
    address: row.address,
    pod: row.pod,
    ...(row.uid !== "" && { uid: row.uid }),
    interface: row.ifname,
    node: row.node,
    pool: row.pool,
    networkName: row.network_name,
    sandbox: row.sandbox,
    from: new Date(row.since).toISOString(),
    ...(row.until !== null && { until: new Date(row.until).toISOString() }),
  };
}

function keyOf({ address, pool }: Claim): string {
  return `${formatAddress(address)} ${formatCidr(pool.range)} ${pool.networkName}`;
}
