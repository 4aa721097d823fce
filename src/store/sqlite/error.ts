import { SQLiteError } from "bun:sqlite";
import type { StoreError } from "../store.ts";

type Kind = Pick<StoreError, "code" | "retry" | "hint">;

const BUSY: Kind = {
  code: "store_busy",
  retry: "transient",
  hint: "another process held the write lock for too long; the runtime tries again",
};
const UNAVAILABLE: Kind = {
  code: "store_unavailable",
  retry: "permanent",
  hint: "the directory must exist and be writable; ipam.database names the file",
};
const FULL: Kind = { code: "store_full", retry: "transient", hint: "make room on the file system" };
const CORRUPT: Kind = {
  code: "store_corrupt",
  retry: "permanent",
  hint: "it is not a database of Berth, or damaged; restore it from a backup, or move it away and restart the pods",
};

// Primary result codes, https://www.sqlite.org/rescode.html; the extended ones carry them in the low byte.
const KINDS: { readonly [code: number]: Kind } = {
  3: UNAVAILABLE, // SQLITE_PERM
  5: BUSY, // SQLITE_BUSY
  6: BUSY, // SQLITE_LOCKED
  8: UNAVAILABLE, // SQLITE_READONLY
  10: UNAVAILABLE, // SQLITE_IOERR
  11: CORRUPT, // SQLITE_CORRUPT
  13: FULL, // SQLITE_FULL
  14: UNAVAILABLE, // SQLITE_CANTOPEN
  23: UNAVAILABLE, // SQLITE_AUTH
  26: CORRUPT, // SQLITE_NOTADB
};

/** What an exception of SQLite, or of making its directory, means to a caller. */
export function storeErrorOf(error: unknown, store: string): StoreError {
  const message = error instanceof Error ? error.message : String(error);
  const kind = error instanceof SQLiteError ? KINDS[error.errno & 0xff] : undefined;
  if (kind) return { ...kind, store, message };
  if (isSystemError(error)) return { ...UNAVAILABLE, store, message };
  return { code: "store_bug", retry: "bug", store, message, hint: "please report this with the log" };
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
