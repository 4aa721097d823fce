import type { Database } from "bun:sqlite";

/** The layout below; a database of a later one is refused rather than misread. */
export const LAYOUT_VERSION = 1;

/**
 * One row an address, unique in its pool and (where the overlap check is on) in its realm by the database
 * itself. `run` holds the same addresses as maximal runs for each space, so that the lowest free address is
 * found by two look-ups whatever the pool's size. Addresses are hexadecimal texts of 8 or 32 digits: they sort
 * as numbers and can be read in any SQLite shell. `answers` makes every commit a write, see SqliteStore.
 * Each index is one more page to sync at each commit: an address is looked up pool by pool instead of by its own.
 */
export const LAYOUT = `
CREATE TABLE space (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE pool (
  space INTEGER PRIMARY KEY REFERENCES space (id),
  network_name TEXT NOT NULL,
  range TEXT NOT NULL,
  UNIQUE (network_name, range)
);
CREATE TABLE claim (
  pool INTEGER NOT NULL REFERENCES pool (space),
  address TEXT NOT NULL,
  realm INTEGER REFERENCES space (id),
  pod_namespace TEXT NOT NULL,
  pod_name TEXT NOT NULL,
  pod_uid TEXT,
  ifname TEXT NOT NULL,
  sandbox TEXT NOT NULL,
  node TEXT NOT NULL,
  network TEXT NOT NULL,
  slot INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (pool, address)
) WITHOUT ROWID;
CREATE UNIQUE INDEX claim_in_realm ON claim (realm, address) WHERE realm IS NOT NULL;
CREATE INDEX claim_by_pod ON claim (pod_namespace, pod_name, ifname);
CREATE INDEX claim_by_sandbox ON claim (sandbox, ifname);
CREATE TABLE run (
  space INTEGER NOT NULL REFERENCES space (id),
  first TEXT NOT NULL,
  last TEXT NOT NULL,
  PRIMARY KEY (space, first)
) WITHOUT ROWID;
CREATE TABLE answers (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), count INTEGER NOT NULL);
INSERT INTO answers VALUES (1, 0);
PRAGMA user_version = ${LAYOUT_VERSION};
`;

/** The layout version of the database; 0 for one that is new. */
export function layoutVersion(db: Database): number {
  const row = db.query<{ user_version: number }, []>("PRAGMA user_version").get();
  return row?.user_version ?? 0;
}
