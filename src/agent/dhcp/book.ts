import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Attachment } from "../../cni/attachments.ts";
import { err, ok, type Result } from "../../result.ts";
import { lockFile } from "../libc.ts";
import { type LeaseRecord, recordFromJson, recordToJson } from "./record.ts";

const LAYOUT = `CREATE TABLE IF NOT EXISTS lease (
  sandbox TEXT NOT NULL,
  ifname TEXT NOT NULL,
  family INTEGER NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (sandbox, ifname, family)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended (
  sandbox TEXT NOT NULL,
  ifname TEXT NOT NULL,
  PRIMARY KEY (sandbox, ifname)
) WITHOUT ROWID;
PRAGMA user_version = 1;`;

/** Milliseconds to wait for another process: a DEL that notes its end, or a reader. */
const PATIENCE = 2_000;

export function leasesPath(stateDir: string): string {
  return join(stateDir, "dhcp.db");
}

/** KiB of pages in memory: records are read at the start alone. */
const CACHE = 128;

type Write = { readonly sql: string; readonly values: readonly (string | number)[] };
type Waiting = Write & { readonly done: (failure?: string) => void };

/**
 * The leases of a node on its disk, in one SQLite file that one daemon at a time owns. What is written while a commit is due
 * goes into that commit, so that the sync to the disk is shared by all who wait.
 */
export class LeaseBook {
  readonly #db: Database;
  readonly #lock: number;
  readonly #shift: () => number;
  #queue: Waiting[] = [];

  private constructor(db: Database, lock: number, shift: () => number) {
    this.#db = db;
    this.#lock = lock;
    this.#shift = shift;
  }

  /** `shift` is what wall time shows more than the time in leases, in milliseconds. The error is for people. */
  static open(path: string, shift: () => number): Result<LeaseBook, string> {
    let lock: number | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      lock = openSync(`${path}.lock`, "a", 0o600);
      if (!lockFile(lock)) {
        closeSync(lock);
        return err(`another daemon keeps the leases of ${path}; stop it first, or give another state folder`);
      }
      return ok(new LeaseBook(openDatabase(path), lock, shift));
    } catch (error) {
      if (lock !== undefined) closeSync(lock);
      return err(`${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** All records, and what is wrong with those that cannot be read. */
  all(): { readonly records: readonly LeaseRecord[]; readonly damaged: readonly string[] } {
    const rows = this.#db
      .query<{ sandbox: string; ifname: string; record: string }, []>(
        "SELECT sandbox, ifname, record FROM lease",
      )
      .all();
    const records: LeaseRecord[] = [];
    const damaged: string[] = [];
    for (const { sandbox, ifname, record } of rows) {
      const read = recordFromJson(record, this.#shift());
      if (read.ok) records.push(read.value);
      else damaged.push(`${sandbox} ${ifname}: ${read.error}`);
    }
    return { records, damaged };
  }

  /** Resolves when the record is on the disk; the error says why it is not. */
  save(record: LeaseRecord): Promise<Result<void, string>> {
    const { sandbox, ifname, family } = record;
    const sql = "INSERT OR REPLACE INTO lease (sandbox, ifname, family, record) VALUES (?, ?, ?, ?)";
    return this.#write(sql, sandbox, ifname, family, recordToJson(record, this.#shift()));
  }

  remove({ sandbox, ifname, family }: LeaseRecord): Promise<Result<void, string>> {
    return this.#write(
      "DELETE FROM lease WHERE sandbox = ? AND ifname = ? AND family = ?",
      sandbox,
      ifname,
      family,
    );
  }

  /** The attachments that ended while no daemon was there. */
  ended(): readonly Attachment[] {
    return this.#db.query<Attachment, []>("SELECT sandbox AS containerId, ifname FROM ended").all();
  }

  /** Strikes out an end: it is done, or the attachment begins anew. */
  forgetEnd({ containerId, ifname }: Attachment): Promise<Result<void, string>> {
    return this.#write("DELETE FROM ended WHERE sandbox = ? AND ifname = ?", containerId, ifname);
  }

  close(): void {
    this.#commit();
    this.#db.close();
    closeSync(this.#lock);
  }

  #write(sql: string, ...values: (string | number)[]): Promise<Result<void, string>> {
    const { promise, resolve } = Promise.withResolvers<Result<void, string>>();
    const done = (failure?: string) => resolve(failure === undefined ? ok(undefined) : err(failure));
    this.#queue.push({ sql, values, done });
    if (this.#queue.length === 1) setImmediate(() => this.#commit());
    return promise;
  }

  #commit(): void {
    const batch = this.#queue;
    this.#queue = [];
    if (batch.length === 0) return;
    let failure: string | undefined;
    try {
      const write = this.#db.transaction(() => {
        for (const { sql, values } of batch) this.#db.query(sql).run(...values);
      });
      write.immediate();
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    for (const { done } of batch) done(failure);
  }
}

/** Notes that an attachment has ended, for the daemon that is away. The error is for people. */
export function noteEnded(path: string, { containerId, ifname }: Attachment): Result<void, string> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const db = openDatabase(path);
    try {
      db.query("INSERT OR REPLACE INTO ended (sandbox, ifname) VALUES (?, ?)").run(containerId, ifname);
    } finally {
      db.close();
    }
    return ok(undefined);
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function openDatabase(path: string): Database {
  const db = new Database(path, { create: true, readwrite: true });
  try {
    chmodSync(path, 0o600);
    db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    db.run(`PRAGMA cache_size = -${CACHE}`);
    db.run(LAYOUT);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
