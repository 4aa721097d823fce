import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { poolSpace, realmSpace } from "../src/allocation/pool.ts";
import { encodeValue } from "../src/store/sqlite/space.ts";
import { SqliteStore } from "../src/store/sqlite/sqlite.ts";
import { acquire, commit, wantOf } from "./wish.ts";

/** Which addresses of a pool are held: `held` in a row, or with a free one after each. */
export type Filling = { readonly range: string; readonly held: number; readonly fragmented: boolean };

/**
 * Makes a database with that many addresses held. The store lays it out and makes spaces and pool; the rest goes
 * straight into the tables, in one transaction, with the runs that the store would have kept.
 */
export async function prefill(path: string, { range, held, fragmented }: Filling): Promise<void> {
  rmSync(path, { force: true });
  const store = openStore(path);
  await commit(store, [acquire(wantOf(range), "first")]);
  if (held === 0) await commit(store, [{ kind: "release", sandbox: "first", ifname: "net1" }]);
  store.close();
  if (held > 0) insertDirectly(path, { range, held, fragmented });
}

export function openStore(path: string): SqliteStore {
  const store = SqliteStore.open(path, { patience: 10_000 });
  if (!store.ok) throw new Error(store.error.message);
  return store.value;
}

function insertDirectly(path: string, { range, held, fragmented }: Filling): void {
  const { pool, free } = wantOf(range);
  const { family } = pool.range;
  const first = free[0]?.first ?? 0n;
  const step = fragmented ? 2n : 1n;
  const db = new Database(path, { create: false, readwrite: true });
  const spaceId = (name: string) => {
    const row = db.query<{ id: number }, [string]>("SELECT id FROM space WHERE name = ?").get(name);
    if (!row) throw new Error(`there is no space ${name}`);
    return row.id;
  };
  const own = spaceId(poolSpace(pool));
  const realm = spaceId(realmSpace(pool.networkName, family));
  const claim =
    db.query(`INSERT INTO claim (pool, address, realm, pod_namespace, pod_name, ifname, sandbox, node,
    network, slot, since) VALUES (?, ?, ?, 'bench', ?, 'net1', ?, 'bench', 'bench', 0, 0)`);
  const run = db.query("INSERT INTO run (space, first, last) VALUES (?, ?, ?)");
  db.transaction(() => {
    db.run("DELETE FROM claim");
    db.run("DELETE FROM run");
    for (let index = 0; index < held; index++) {
      const address = encodeValue(family, first + BigInt(index) * step);
      claim.run(own, address, realm, `held-${index}`, `held-${index}`);
      if (fragmented) for (const space of [own, realm]) run.run(space, address, address);
    }
    if (fragmented) return;
    const ends = [first, first + BigInt(held - 1)].map((value) => encodeValue(family, value));
    for (const space of [own, realm]) run.run(space, ...ends);
  })();
  // As the store leaves it: an empty log.
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}
