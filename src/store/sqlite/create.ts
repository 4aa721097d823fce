import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LAYOUT } from "./schema.ts";

/**
 * Makes a database with its tables, directory included, unless another process was faster. It is built under
 * another name and linked into place whole: switching a database to WAL cannot wait for other processes (SQLite
 * answers "locked" at once), so nobody may see it before that is done.
 */
export function createDatabase(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `.${basename(path)}.new-${process.pid}`);
  rmSync(draft, { force: true }); // of an earlier process with this id that was killed here
  try {
    // Who may read the file learns every pod's address; who may write it owns the network.
    closeSync(openSync(draft, "wx", 0o600));
    const db = new Database(draft, { create: false, readwrite: true });
    db.run("PRAGMA journal_mode = WAL");
    db.run(LAYOUT);
    db.close();
    linkSync(draft, path);
    // The names must survive a power cut as the first address does: of the file, and of a folder just made.
    for (const directory of [folder, dirname(folder)]) syncDirectory(directory);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
