import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { CallFrame } from "../cni/wire.ts";
import { Journal, type JournalStorage, type Pending } from "./journal.ts";

type Row = {
  id: number;
  plugin: string;
  env: string;
  stdin: string;
  accepted: number;
  attempts: number;
  due: number;
  error: string;
};

const LAYOUT = `CREATE TABLE IF NOT EXISTS pending (
  id INTEGER PRIMARY KEY,
  plugin TEXT NOT NULL,
  sandbox TEXT NOT NULL,
  ifname TEXT NOT NULL,
  env TEXT NOT NULL,
  stdin TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  due INTEGER NOT NULL,
  error TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS pending_by_attachment ON pending (sandbox, ifname);
PRAGMA user_version = 1;`;

/** Milliseconds to wait for another process: `berth status`, or an ADD without the agent. */
const PATIENCE = 2_000;

/** Opens the journal of that path and makes it, and its folder, where they are missing. Throws what SQLite throws. */
export function openJournal(path: string): Journal {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new Database(path, { create: true, readwrite: true });
  try {
    chmodSync(path, 0o600);
    db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
    // The rollback journal, not WAL: writes are rare here, and one file is all that is left behind.
    db.run("PRAGMA journal_mode = DELETE");
    db.run("PRAGMA synchronous = EXTRA");
    db.run(LAYOUT);
    return new Journal(new JournalFile(db));
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens what exists to read it. */
export function readJournal(path: string): Journal {
  const db = new Database(path, { readonly: true });
  try {
    db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
    return new Journal(new JournalFile(db));
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Strikes out what is owed for the attachment of an ADD that does without the agent. */
export function strikeOut(path: string, call: Pick<CallFrame, "env">): void {
  if (!existsSync(path)) return;
  const journal = openJournal(path);
  try {
    for (const { id } of journal.of(call)) journal.remove(id);
  } finally {
    journal.close();
  }
}

/** One SQLite file, with a synced write for each change. */
class JournalFile implements JournalStorage {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  insert({ call, accepted, attempts, due, error }: Omit<Pending, "id">, instead: readonly number[]): void {
    const write = this.#db.transaction(() => {
      for (const id of instead) this.remove(id);
      const insert = `INSERT INTO pending (plugin, sandbox, ifname, env, stdin, accepted, attempts, due, error)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
      const { CNI_CONTAINERID: sandbox = "", CNI_IFNAME: ifname = "" } = call.env;
      const values = [JSON.stringify(call.env), call.stdin, accepted, attempts, due, error];
      this.#db.query(insert).run(call.plugin, sandbox, ifname, ...values);
    });
    write.immediate();
  }

  remove(id: number): void {
    this.#db.query("DELETE FROM pending WHERE id = ?").run(id);
  }

  postpone(id: number, due: number, error: string): void {
    const sql = "UPDATE pending SET attempts = attempts + 1, due = ?, error = ? WHERE id = ?";
    this.#db.query(sql).run(due, error, id);
  }

  has(id: number): boolean {
    return this.#select("WHERE id = ?", id).length > 0;
  }

  of(sandbox: string, ifname: string): readonly Pending[] {
    return this.#select("WHERE sandbox = ? AND ifname = ? ORDER BY id", sandbox, ifname);
  }

  due(now: number, latest: number, limit: number): readonly Pending[] {
    return this.#select("WHERE due <= ? OR due > ? ORDER BY due, id LIMIT ?", now, latest, limit);
  }

  first(limit: number): readonly Pending[] {
    return this.#select("ORDER BY id LIMIT ?", limit);
  }

  count(): number {
    return this.#number("SELECT count(*) AS value FROM pending") ?? 0;
  }

  nextDue(): number | undefined {
    return this.#number("SELECT min(due) AS value FROM pending");
  }

  close(): void {
    this.#db.close();
  }

  #number(sql: string): number | undefined {
    return this.#db.query<{ value: number | null }, []>(sql).get()?.value ?? undefined;
  }

  #select(where: string, ...values: (string | number)[]): readonly Pending[] {
    const rows = this.#db.query<Row, (string | number)[]>(`SELECT * FROM pending ${where}`).all(...values);
    return rows.map(({ id, plugin, env, stdin, accepted, attempts, due, error }) => {
      const call = { plugin, timeout: 0, env: JSON.parse(env), stdin };
      return { id, call, accepted, attempts, due, error };
    });
  }
}
