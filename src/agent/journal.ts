import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { CallFrame } from "../cni/wire.ts";

/** A call that was answered with success before its work was done; the journal owes it. */
export type Pending = {
  readonly id: number;
  readonly call: CallFrame;
  /** Milliseconds since 1970. */
  readonly accepted: number;
  readonly attempts: number;
  readonly due: number;
  readonly error: string;
};

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

/** A node that owes more than this has another problem, and a runtime that gets an error asks again by itself. */
const MAX_PENDING = 20_000;
const PATIENCE = 2_000;

/**
 * What the node still owes to stores that were away, in one SQLite file with a synced write for each entry. Methods
 * throw what SQLite throws: a caller that cannot record must not answer success.
 */
export class Journal {
  readonly #db: Database;
  /** No fewer than there are: nearly always nothing is owed, and then no ADD needs to look. */
  #most: number;

  private constructor(db: Database) {
    this.#db = db;
    this.#most = this.depth();
  }

  /** Opens the file and makes it, and its folder, where they are missing. */
  static open(path: string): Journal {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const db = new Database(path, { create: true, readwrite: true });
    try {
      chmodSync(path, 0o600);
      db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
      // The rollback journal, not WAL: writes are rare here, and one file is all that is left behind.
      db.run("PRAGMA journal_mode = DELETE");
      db.run("PRAGMA synchronous = EXTRA");
      db.run(LAYOUT);
    } catch (error) {
      db.close();
      throw error;
    }
    return new Journal(db);
  }

  /** Strikes out what is owed for the attachment of an ADD that does without the agent. */
  static strike(path: string, call: Pick<CallFrame, "env">): void {
    if (!existsSync(path)) return;
    const journal = Journal.open(path);
    try {
      for (const { id } of journal.of(call)) journal.remove(id);
    } finally {
      journal.close();
    }
  }

  /** Opens what exists to read it. */
  static read(path: string): Journal {
    const db = new Database(path, { readonly: true });
    try {
      db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
      return new Journal(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Takes over the work of the call; a repetition takes the place of what is owed for the same attachment. */
  add(call: CallFrame, error: string, now: number): void {
    if (this.depth() >= MAX_PENDING) throw new Error(`the journal holds ${MAX_PENDING} calls`);
    const [sandbox, ifname] = attachmentOf(call);
    const write = this.#db.transaction(() => {
      const same = "DELETE FROM pending WHERE plugin = ? AND sandbox = ? AND ifname = ? AND stdin = ?";
      this.#db.query(same).run(call.plugin, sandbox, ifname, call.stdin);
      const insert = `INSERT INTO pending (plugin, sandbox, ifname, env, stdin, accepted, attempts, due, error)
        VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)`;
      const env = JSON.stringify(call.env);
      this.#db.query(insert).run(call.plugin, sandbox, ifname, env, call.stdin, now, now, error);
    });
    write();
    this.#most++;
  }

  /** What is owed for the attachment: an ADD for it must not be undone by a DEL from before. */
  of(call: Pick<CallFrame, "env">): readonly Pending[] {
    if (this.#most === 0) return [];
    return this.#select("WHERE sandbox = ? AND ifname = ? ORDER BY id", ...attachmentOf(call));
  }

  due(now: number, limit: number): readonly Pending[] {
    return this.#select("WHERE due <= ? ORDER BY due, id LIMIT ?", now, limit);
  }

  all(limit: number): readonly Pending[] {
    return this.#select("ORDER BY id LIMIT ?", limit);
  }

  has(id: number): boolean {
    return this.#select("WHERE id = ?", id).length > 0;
  }

  remove(id: number): void {
    this.#db.query("DELETE FROM pending WHERE id = ?").run(id);
  }

  postpone(id: number, due: number, error: string): void {
    const sql = "UPDATE pending SET attempts = attempts + 1, due = ?, error = ? WHERE id = ?";
    this.#db.query(sql).run(due, error, id);
  }

  depth(): number {
    const count =
      this.#db.query<{ count: number }, []>("SELECT count(*) AS count FROM pending").get()?.count ?? 0;
    this.#most = count;
    return count;
  }

  /** When the next entry is due; undefined if nothing is owed. */
  nextDue(): number | undefined {
    return (
      this.#db.query<{ due: number | null }, []>("SELECT min(due) AS due FROM pending").get()?.due ??
      undefined
    );
  }

  close(): void {
    this.#db.close();
  }

  #select(where: string, ...values: (string | number)[]): readonly Pending[] {
    const rows = this.#db.query<Row, (string | number)[]>(`SELECT * FROM pending ${where}`).all(...values);
    return rows.map(({ id, plugin, env, stdin, accepted, attempts, due, error }) => {
      const call = { plugin, timeout: 0, env: JSON.parse(env), stdin };
      return { id, call, accepted, attempts, due, error };
    });
  }
}

function attachmentOf({ env }: Pick<CallFrame, "env">): [sandbox: string, ifname: string] {
  return [env.CNI_CONTAINERID ?? "", env.CNI_IFNAME ?? ""];
}
