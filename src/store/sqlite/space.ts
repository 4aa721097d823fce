import type { Database } from "bun:sqlite";
import type { UsedSpace } from "../../allocation/free.ts";
import type { Space } from "../../allocation/pool.ts";
import type { Family } from "../../ip/address.ts";
import type { Interval } from "../../ip/interval.ts";

/** Eight or 32 hexadecimal digits: they sort as the numbers do. */
export function encodeValue(family: Family, value: bigint): string {
  return value.toString(16).padStart(family === 4 ? 8 : 32, "0");
}

export function decodeValue(text: string): bigint {
  return BigInt(`0x${text}`);
}

type RunRow = { first: string; last: string };

/** The used addresses of the spaces, kept in table `run` as maximal runs. Call it inside a transaction only. */
export class Spaces {
  readonly #db: Database;
  readonly #ids = new Map<Space, number>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Forgets what it read: after a rollback a new space has no row. */
  reset(): void {
    this.#ids.clear();
  }

  find(space: Space): number | undefined {
    const known = this.#ids.get(space);
    if (known !== undefined) return known;
    const row = this.#db.query<{ id: number }, [string]>("SELECT id FROM space WHERE name = ?").get(space);
    if (row) this.#ids.set(space, row.id);
    return row?.id;
  }

  findOrCreate(space: Space): number {
    const found = this.find(space);
    if (found !== undefined) return found;
    const sql = "INSERT INTO space (name) VALUES (?) RETURNING id";
    const row = this.#db.query<{ id: number }, [string]>(sql).get(space);
    if (!row) throw new Error(`the space ${space} was not created`);
    this.#ids.set(space, row.id);
    return row.id;
  }

  used(space: Space, family: Family): UsedSpace {
    const id = this.find(space);
    return { runAt: (value) => (id === undefined ? undefined : this.#runAt(id, family, value)) };
  }

  add(id: number, family: Family, value: bigint): void {
    const before = value > 0n ? this.#runAt(id, family, value - 1n) : undefined;
    const after = this.#runAt(id, family, value + 1n);
    if (after) this.#delete(id, family, after.first);
    const last = after?.last ?? value;
    if (before) this.#setLast(id, family, before.first, last);
    else this.#insert(id, family, { first: value, last });
  }

  delete(id: number, family: Family, value: bigint): void {
    const run = this.#runAt(id, family, value);
    if (!run) throw new Error(`${encodeValue(family, value)} is held but in no run of space ${id}`);
    if (run.first === value) this.#delete(id, family, value);
    else this.#setLast(id, family, run.first, value - 1n);
    if (run.last > value) this.#insert(id, family, { first: value + 1n, last: run.last });
  }

  #runAt(id: number, family: Family, value: bigint): Interval | undefined {
    const key = encodeValue(family, value);
    const sql = "SELECT first, last FROM run WHERE space = ? AND first <= ? ORDER BY first DESC LIMIT 1";
    const row = this.#db.query<RunRow, [number, string]>(sql).get(id, key);
    if (!row || row.last < key) return undefined;
    return { first: decodeValue(row.first), last: decodeValue(row.last) };
  }

  #insert(id: number, family: Family, { first, last }: Interval): void {
    const sql = "INSERT INTO run (space, first, last) VALUES (?, ?, ?)";
    this.#db.query(sql).run(id, encodeValue(family, first), encodeValue(family, last));
  }

  #setLast(id: number, family: Family, first: bigint, last: bigint): void {
    const sql = "UPDATE run SET last = ? WHERE space = ? AND first = ?";
    this.#db.query(sql).run(encodeValue(family, last), id, encodeValue(family, first));
  }

  #delete(id: number, family: Family, first: bigint): void {
    this.#db.query("DELETE FROM run WHERE space = ? AND first = ?").run(id, encodeValue(family, first));
  }
}
