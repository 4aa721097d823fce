import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress } from "../../ip/address.ts";
import { parseInterfaceAddress } from "../../ip/cidr.ts";
import type { Result } from "../../result.ts";
import { LeaseBook, leasesPath, noteEnded } from "./book.ts";
import type { LeaseRecord } from "./record.ts";

function value<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

const TIMES = { obtainedAt: 1_000, renewAt: 31_000, rebindAt: 50_000, expiresAt: 61_000 };

function record(ifname: string, family: 4 | 6 = 4, times = TIMES): LeaseRecord {
  return {
    sandbox: "s1",
    ifname,
    family,
    network: "net",
    pod: "default/p1",
    netns: "/run/netns/p1",
    identity: "4:4026532000",
    index: 2,
    parent: "br0",
    mac: "0200000000aa",
    client: "00ff",
    hostName: "p1",
    request: [{ option: 43 }],
    provide: { "60": "6265727468" },
    broadcast: false,
    probe: true,
    onChange: "apply",
    via: "0200000000bb",
    since: 5,
    lease: {
      family: 4,
      address: value(parseInterfaceAddress("192.0.2.7/24")),
      server: value(parseAddress("192.0.2.1")),
      routes: [],
      dns: {},
      ntp: [],
      delegated: [],
      times,
      options: { "51": "0000003c" },
    },
  };
}

describe("the journal of leases", () => {
  let folder = "";
  let path = "";
  const shift = (by: number) => () => by;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-book-"));
    path = leasesPath(join(folder, "state"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("what was saved is there again, in the time of the new process; the file is private", async () => {
    const book = value(LeaseBook.open(path, shift(1_000_000)));
    const saved = await Promise.all([
      book.save(record("net1")),
      book.save(record("net2")),
      book.save(record("net2", 6)),
    ]);
    expect(saved.every(({ ok }) => ok)).toBe(true);
    expect((await book.remove(record("net1"))).ok).toBe(true);
    book.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = value(LeaseBook.open(path, shift(1_000_400)));
    const { records, damaged } = again.all();
    expect(damaged).toEqual([]);
    expect(records.map(({ ifname, family }) => [ifname, family])).toEqual([
      ["net2", 4],
      ["net2", 6],
    ]);
    const times = { obtainedAt: 600, renewAt: 30_600, rebindAt: 49_600, expiresAt: 60_600 };
    expect(records[0]).toEqual(record("net2", 4, times));
    again.close();
  });

  test("one daemon at a time; another process may note an end", async () => {
    const book = value(LeaseBook.open(path, shift(0)));
    const second = LeaseBook.open(path, shift(0));
    expect(second.ok ? "" : second.error).toContain("another daemon keeps the leases");
    const end = { containerId: "s1", ifname: "net1" };
    value(noteEnded(path, end));
    value(noteEnded(path, end));
    expect(book.ended()).toEqual([end]);
    value(await book.forgetEnd(end));
    expect(book.ended()).toEqual([]);
    book.close();
    value(LeaseBook.open(path, shift(0))).close();
  });

  test("a damaged record costs itself alone, and no database is an error", async () => {
    const book = value(LeaseBook.open(path, shift(0)));
    await book.save(record("net1"));
    book.close();
    const db = new Database(path);
    const insert = db.query("INSERT INTO lease (sandbox, ifname, family, record) VALUES ('s', ?, 4, ?)");
    for (const [index, text] of [
      "{",
      "{}",
      JSON.stringify({ ...record("x"), lease: "{}" }),
      "[1]",
    ].entries()) {
      insert.run(`bad${index}`, text);
    }
    db.close();
    const again = value(LeaseBook.open(path, shift(0)));
    const { records, damaged } = again.all();
    expect(records.map(({ ifname }) => ifname)).toEqual(["net1"]);
    expect(damaged.length).toBe(4);
    again.close();
    await Bun.write(path, "no database at all, but long enough to be looked at");
    const broken = LeaseBook.open(path, shift(0));
    expect(broken.ok ? "" : broken.error).toContain(path);
  });
});
