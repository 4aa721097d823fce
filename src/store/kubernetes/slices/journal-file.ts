import { Database } from "bun:sqlite";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { StoreChoice } from "../../../config/index.ts";
import { sha256 } from "../../../sha256.ts";
import type { Grant, SliceJournal, SliceJournals, SliceRow } from "./journal.ts";

const LAYOUT = `CREATE TABLE IF NOT EXISTS held (
  pool TEXT NOT NULL,
  "offset" TEXT NOT NULL,
  row TEXT NOT NULL,
  PRIMARY KEY (pool, "offset")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS granted (grants TEXT NOT NULL);
PRAGMA user_version = 1;`;

/** What the name of the file ends in that says how a journal's store is opened. */
const STORE = ".store";
/** Milliseconds to wait for another process that has the journal: a lone call, or an agent that ends. */
const PATIENCE = 2_000;

/** One SQLite file for each store, in the state folder of the agent. */
export class SliceJournalFiles implements SliceJournals {
  readonly #folder: string;

  readonly #choice: StoreChoice;

  /** `choice`: how the store is opened, so that an agent can open it again before it is asked to. */
  constructor(folder: string, choice: StoreChoice) {
    this.#folder = folder;
    this.#choice = choice;
  }

  exists(store: string): boolean {
    return existsSync(this.#pathOf(store));
  }

  open(store: string): SliceJournal {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(store);
    const choice = JSON.stringify(this.#choice);
    if (contentOf(`${path}${STORE}`) !== choice) {
      writeFileSync(`${path}.new`, choice, { mode: 0o600 });
      renameSync(`${path}.new`, `${path}${STORE}`);
    }
    const db = new Database(path, { create: true, readwrite: true });
    try {
      chmodSync(path, 0o600);
      db.run(`PRAGMA busy_timeout = ${PATIENCE}`);
      // What is in memory is right only as long as nobody else writes; the lock ends with the process.
      db.run("PRAGMA locking_mode = EXCLUSIVE");
      db.run("PRAGMA journal_mode = WAL");
      db.run("PRAGMA synchronous = FULL");
      db.run(LAYOUT);
      db.run("BEGIN IMMEDIATE");
      db.run("COMMIT");
      return new SliceJournalFile(db);
    } catch (error) {
      db.close();
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${path}: ${why}`);
    }
  }

  #pathOf(store: string): string {
    const id = sha256(store).slice(0, 16);
    return join(this.#folder, `slices-${id}.db`);
  }
}

/** The stores of which this node has, or had, slices. */
export function storesWithSlices(folder: string): StoreChoice[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(`.db${STORE}`)) : [];
  return names.flatMap((name) => readChoice(contentOf(join(folder, name)) ?? "") ?? []);
}

/** Undefined if it is none: its slices are taken up with the first call then. */
function readChoice(text: string): StoreChoice | undefined {
  try {
    const { kind, kubeconfig, context } = JSON.parse(text);
    if (kind !== "kubernetes" || typeof kubeconfig !== "string") return undefined;
    return { kind, kubeconfig, ...(typeof context === "string" && { context }) };
  } catch {
    return undefined;
  }
}

function contentOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

class SliceJournalFile implements SliceJournal {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  rows(): readonly SliceRow[] {
    const rows = this.#db.query<{ row: string }, []>("SELECT row FROM held").all();
    return rows.map(({ row }) => JSON.parse(row));
  }

  grants(): readonly Grant[] {
    const found = this.#db.query<{ grants: string }, []>("SELECT grants FROM granted").get();
    return found ? JSON.parse(found.grants) : [];
  }

  write(puts: readonly SliceRow[], removes: readonly Pick<SliceRow, "pool" | "offset">[]): void {
    if (puts.length === 0 && removes.length === 0) return;
    const put = this.#db.query(`INSERT OR REPLACE INTO held (pool, "offset", row) VALUES (?, ?, ?)`);
    const remove = this.#db.query(`DELETE FROM held WHERE pool = ? AND "offset" = ?`);
    const write = this.#db.transaction(() => {
      for (const { pool, offset } of removes) remove.run(pool, offset);
      for (const row of puts) put.run(row.pool, row.offset, JSON.stringify(row));
    });
    write.immediate();
  }

  keepGrants(grants: readonly Grant[]): void {
    const write = this.#db.transaction(() => {
      this.#db.run("DELETE FROM granted");
      this.#db.query("INSERT INTO granted (grants) VALUES (?)").run(JSON.stringify(grants));
    });
    write.immediate();
  }

  close(): void {
    this.#db.close();
  }
}
