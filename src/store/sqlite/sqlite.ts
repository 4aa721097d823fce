import { constants, Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import type { Acquire, AllocationError, Change, Claim, Outcome } from "../../allocation/claim.ts";
import { planAcquire, type View } from "../../allocation/plan.ts";
import { err, ok, type Result } from "../../result.ts";
import { comparePools } from "../order.ts";
import type { ClaimFilter, PoolUsage, Store, StoreError } from "../store.ts";
import { Claims } from "./claims.ts";
import { createDatabase } from "./create.ts";
import { storeErrorOf } from "./error.ts";
import { LAYOUT_VERSION, layoutVersion } from "./schema.ts";
import { Spaces } from "./space.ts";

export type SqliteOptions = {
  /** How long to wait for another process's write, in milliseconds. */
  readonly patience: number;
  /** Open what exists and write nothing: a person looks. */
  readonly readOnly?: boolean;
  /** The process stays and writes often: its log keeps its size until the store is closed. */
  readonly staying?: boolean;
};

/** Bytes. Overwriting a log costs 0.12 ms a sync, making it longer 0.28 (ext4); SQLite starts over after 4 MB. */
const KEPT_LOG = 8 * 1024 * 1024;

/** The embedded store: one database file on one host, shared by any number of processes. */
export class SqliteStore implements Store {
  readonly name: string;
  readonly #db: Database;
  readonly #spaces: Spaces;
  readonly #claims: Claims;
  readonly #view: View;
  readonly #staying: boolean;

  private constructor(path: string, db: Database, staying: boolean) {
    this.#staying = staying;
    this.name = `sqlite ${path}`;
    this.#db = db;
    this.#spaces = new Spaces(db);
    this.#claims = new Claims(db, this.#spaces);
    this.#view = {
      used: (space, family) => this.#spaces.used(space, family),
      claimsOf: (pod, ifname) => this.#claims.ofPod(pod, ifname),
      holder: (pool, address, overlapCheck) => this.#claims.holder(pool, address, overlapCheck),
    };
  }

  /** Opens the database and makes file, directory (0700) and tables where they are missing. */
  static open(
    path: string,
    { patience, readOnly = false, staying = false }: SqliteOptions,
  ): Result<SqliteStore, StoreError> {
    const name = `sqlite ${path}`;
    let db: Database | undefined;
    try {
      if (!readOnly && !existsSync(path)) createDatabase(path);
      db = new Database(path, readOnly ? { readonly: true } : { create: false, readwrite: true });
      db.run(`PRAGMA busy_timeout = ${Math.max(0, Math.round(patience))}`);
      // An acknowledged address must survive a power cut: FULL syncs the log at every commit.
      db.run("PRAGMA synchronous = FULL");
      // Keep the log file, but empty: making it anew costs every process more, and a log that keeps its old frames
      // is read and copied again by every process that opens the database (20 ms at 14 MB against 0.8).
      db.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
      db.run(`PRAGMA journal_size_limit = ${staying ? KEPT_LOG : 0}`);
      const version = layoutVersion(db);
      if (version === LAYOUT_VERSION) return ok(new SqliteStore(path, db, staying));
      db.close();
      return err(wrongVersion(name, version));
    } catch (error) {
      db?.close();
      return err(storeErrorOf(error, name));
    }
  }

  async commit(changes: readonly Change[]): Promise<Result<readonly Outcome[], StoreError>> {
    return this.#transaction("BEGIN IMMEDIATE", () => {
      const before = this.#claims.writes;
      const outcomes = changes.map((change) => this.#carryOut(change));
      // Every answer rests on a write of its own, also "nothing to release": a process killed in its commit can
      // leave frames behind the end of the log that count after a reboot. This overwrites them.
      if (this.#claims.writes === before) this.#db.query("UPDATE answers SET count = count + 1").run();
      return outcomes;
    });
  }

  async preview(request: Acquire): Promise<Result<AllocationError | undefined, StoreError>> {
    return this.#transaction("BEGIN", () => {
      const plan = planAcquire(request, this.#view);
      return plan.ok ? undefined : plan.error;
    });
  }

  async claims(filter: ClaimFilter): Promise<Result<readonly Claim[], StoreError>> {
    return this.#transaction("BEGIN", () => this.#claims.matching(filter));
  }

  async pools(): Promise<Result<readonly PoolUsage[], StoreError>> {
    return this.#transaction("BEGIN", () =>
      [...this.#claims.pools()].sort((a, b) => comparePools(a.pool, b.pool)),
    );
  }

  async revision(): Promise<Result<string, StoreError>> {
    return this.#transaction("BEGIN", () => {
      // Counts the commits of others; our own come on top.
      const row = this.#db.query<{ data_version: number }, []>("PRAGMA data_version").get();
      return `${row?.data_version ?? 0}.${this.#claims.writes}`;
    });
  }

  close(): void {
    if (this.#staying) this.#db.run("PRAGMA journal_size_limit = 0"); // the next process should find it empty
    this.#db.close();
  }

  #transaction<T>(begin: string, body: () => T): Result<T, StoreError> {
    try {
      this.#db.query(begin).run();
      const value = body();
      this.#db.query("COMMIT").run();
      return ok(value);
    } catch (error) {
      this.#spaces.reset();
      this.#rollBack();
      return err(storeErrorOf(error, this.name));
    }
  }

  /** Some errors (a full disk, say) have rolled back already; another ROLLBACK would hide the first error. */
  #rollBack(): void {
    if (this.#db.inTransaction) this.#db.run("ROLLBACK");
  }

  #carryOut(change: Change): Outcome {
    if (change.kind === "release") return this.#free(this.#claims.ofSandbox(change.sandbox, change.ifname));
    if (change.kind === "collect") return this.#free(this.#claims.stale(change));
    const plan = planAcquire(change, this.#view);
    if (!plan.ok) return { kind: "refused", error: plan.error };
    for (const claim of plan.value.renewed) this.#claims.renew(claim);
    for (const claim of plan.value.created) this.#claims.insert(claim);
    return { kind: "acquired", claims: plan.value.claims, created: plan.value.created.length };
  }

  #free(claims: readonly Claim[]): Outcome {
    for (const claim of claims) this.#claims.delete(claim);
    return { kind: "released", claims };
  }
}

function wrongVersion(store: string, version: number): StoreError {
  if (version === 0) {
    const hint = "it is not Berth's; remove it if nobody needs it, or name another file";
    return { code: "store_unavailable", retry: "permanent", store, message: "the database is empty", hint };
  }
  const message = `the database has layout ${version}, this program knows ${LAYOUT_VERSION}`;
  return { code: "store_version", retry: "permanent", store, message, hint: "use the newer program" };
}
