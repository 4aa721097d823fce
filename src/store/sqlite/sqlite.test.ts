import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { formatAddress } from "../../ip/address.ts";
import { acquire, storeContract, summary } from "../contract.ts";
import { MemoryStore } from "../memory/memory.ts";
import { SqliteStore } from "./sqlite.ts";

const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "berth-sqlite-"));
  folders.push(folder);
  return folder;
}

function open(path: string, readOnly = false): SqliteStore {
  const store = SqliteStore.open(path, { patience: 5000, readOnly });
  if (!store.ok) throw new Error(`${store.error.code}: ${store.error.message}`);
  return store.value;
}

async function dispose(): Promise<void> {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

storeContract("sqlite", async () => open(join(newFolder(), "ipam.db")), dispose);

test("whoever watches sees from the revision that another process has written", async () => {
  const path = join(newFolder(), "ipam.db");
  const writer = open(path);
  const watcher = open(path, true);
  const before = await watcher.revision();
  expect(await watcher.revision()).toEqual(before);
  await writer.commit([acquire("10.0.0.0/24")]);
  expect(await watcher.revision()).not.toEqual(before);
  writer.close();
  watcher.close();
  await dispose();
});

describe("SqliteStore", () => {
  async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "berth-sqlite-"));
    try {
      await body(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test("what was acknowledged is there after reopening, also without a clean close", () =>
    inFolder(async (folder) => {
      const path = join(folder, "sub", "ipam.db");
      const first = open(path);
      await first.commit([acquire("10.0.0.0/24", { pod: "a", uid: "u" })]);
      expect(statSync(join(folder, "sub")).mode & 0o777).toBe(0o700);
      const second = open(path, true);
      const claims = await second.claims({});
      expect(claims.ok && claims.value[0]?.owner).toEqual({
        pod: { namespace: "default", name: "a", uid: "u" },
        ifname: "net1",
        sandbox: "sandbox-a",
      });
      first.close();
      second.close();
    }));

  test("the last one to close leaves an empty log, so that opening costs the same whatever was written", () =>
    inFolder(async (folder) => {
      const path = join(folder, "ipam.db");
      const store = open(path);
      await store.commit(
        Array.from({ length: 2000 }, (_, index) => acquire("10.0.0.0/16", { pod: `p${index}` })),
      );
      expect(statSync(`${path}-wal`).size).toBeGreaterThan(100_000);
      store.close();
      expect(statSync(`${path}-wal`).size).toBe(0);
    }));

  test("a commit that a kill cut short does not come back after a later answer", () =>
    inFolder(async (folder) => {
      // A writer that dies between its last frame and the index of the log leaves frames that nobody sees until the
      // log is recovered, and that then count. Put the index back to where it was to play that death.
      const path = join(folder, "ipam.db");
      const killed = open(path);
      await killed.commit([acquire("10.0.0.0/24")]);
      const index = readFileSync(`${path}-shm`);
      await killed.commit([{ kind: "release", sandbox: "sandbox-p1", ifname: "net1" }]);
      const descriptor = openSync(`${path}-shm`, "r+");
      writeSync(descriptor, index, 0, index.length, 0);
      closeSync(descriptor);
      const next = open(path);
      const answer = await next.commit([acquire("10.0.0.0/24")]);
      expect(summary(answer.ok ? answer.value[0] : undefined)).toBe("10.0.0.1");
      // What a reboot finds: the database and its log, without the index.
      for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, join(folder, `rebooted.db${suffix}`));
      const rebooted = open(join(folder, "rebooted.db"));
      const claims = await rebooted.claims({});
      expect(claims.ok && claims.value.map(({ address }) => formatAddress(address))).toEqual(["10.0.0.1"]);
      for (const store of [rebooted, next, killed]) store.close();
    }));

  test("two handles on one database never give one address twice", () =>
    inFolder(async (folder) => {
      const stores = [open(join(folder, "ipam.db")), open(join(folder, "ipam.db"))];
      const seen: string[] = [];
      for (let index = 0; index < 40; index++) {
        const outcome = await stores[index % 2]?.commit([acquire("10.0.0.0/24", { pod: `p${index}` })]);
        seen.push(summary(outcome?.ok ? outcome.value[0] : undefined));
      }
      expect(new Set(seen).size).toBe(40);
      for (const store of stores) store.close();
    }));

  test("gives what the memory store gives, and its runs are the maximal runs of its claims", () =>
    inFolder(async (folder) => {
      const path = join(folder, "ipam.db");
      const sqlite = open(path);
      const memory = new MemoryStore();
      const range = fc.constantFrom("10.0.0.0/27", "10.0.0.0/26", "fd00::/122");
      const step = fc.tuple(fc.nat(40), range, fc.boolean(), fc.boolean());
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
          for (const [pod, text, overlapCheck, adds] of steps) {
            const change = adds
              ? acquire(text, { pod: `p${pod}`, overlapCheck })
              : ({ kind: "release", sandbox: `sandbox-p${pod}`, ifname: "net1" } as const);
            const [a, b] = [await sqlite.commit([change]), await memory.commit([change])];
            expect(a.ok && summary(a.value[0])).toBe(b.ok && summary(b.value[0]));
          }
          expect(runsOf(path)).toEqual(derivedRuns(path));
        }),
        { numRuns: 15 },
      );
      sqlite.close();
    }));

  test("a file that is no database is refused and left alone", () =>
    inFolder(async (folder) => {
      const path = join(folder, "ipam.db");
      writeFileSync(path, "this is not a database, and somebody may still need it".repeat(100));
      const size = statSync(path).size;
      const store = SqliteStore.open(path, { patience: 100 });
      expect(store.ok ? "opened" : store.error.code).toBe("store_corrupt");
      expect(statSync(path).size).toBe(size);
    }));

  test("a path that cannot be, an empty database to look at, a later layout", () =>
    inFolder(async (folder) => {
      const codeOf = (path: string, readOnly = false) => {
        const store = SqliteStore.open(path, { patience: 100, readOnly });
        return store.ok ? "opened" : store.error.code;
      };
      writeFileSync(join(folder, "file"), "");
      expect(codeOf(join(folder, "file", "below", "ipam.db"))).toBe("store_unavailable");
      expect(codeOf(join(folder, "missing.db"), true)).toBe("store_unavailable");
      const path = join(folder, "later.db");
      const later = new Database(path, { create: true });
      later.run("PRAGMA user_version = 99");
      later.close();
      expect(codeOf(path)).toBe("store_version");
    }));

  test("a writer that another one blocks for too long gets a busy error, not a hang", () =>
    inFolder(async (folder) => {
      const path = join(folder, "ipam.db");
      open(path).close();
      const blocker = new Database(path);
      blocker.run("BEGIN IMMEDIATE");
      const store = SqliteStore.open(path, { patience: 50 });
      if (!store.ok) throw new Error(store.error.message);
      const outcome = await store.value.commit([acquire("10.0.0.0/24")]);
      expect(outcome.ok ? "committed" : outcome.error.code).toBe("store_busy");
      blocker.run("ROLLBACK");
      expect((await store.value.commit([acquire("10.0.0.0/24")])).ok).toBe(true);
      blocker.close();
      store.value.close();
    }));
});

type Run = { space: number; first: string; last: string };

function runsOf(path: string): Run[] {
  const db = new Database(path, { readonly: true });
  const rows = db.query<Run, []>("SELECT space, first, last FROM run ORDER BY space, first").all();
  db.close();
  return rows;
}

/** The runs as they must be, made from table `claim` alone. */
function derivedRuns(path: string): Run[] {
  const db = new Database(path, { readonly: true });
  const sql = `SELECT pool AS space, address FROM claim
    UNION ALL SELECT realm, address FROM claim WHERE realm IS NOT NULL ORDER BY 1, 2`;
  const rows = db.query<{ space: number; address: string }, []>(sql).all();
  db.close();
  const runs: Run[] = [];
  for (const { space, address } of rows) {
    const run = runs.at(-1);
    if (run?.space === space && BigInt(`0x${run.last}`) + 1n === BigInt(`0x${address}`)) run.last = address;
    else runs.push({ space, first: address, last: address });
  }
  return runs;
}
