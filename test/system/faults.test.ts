import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addressesOf, call, codeOf, DIST, heldIn, whereabouts, withFolder } from "./plugin.ts";

const DEFAULT_DATABASE = "/var/lib/berth/ipam.db";
const RANGE = { range: "10.0.0.0/30" };

describe("bad input and broken stores, through dist/cni/whereabouts", () => {
  const add = (config: object | string, more: object = {}) =>
    call({ verb: "ADD", pod: "p1", config, ...more });

  test.each([
    ["no JSON", "{", 6],
    ["two megabytes", `{"name":"${"a".repeat(2 ** 21)}"}`, 6],
    ["no name", '{"ipam":{}}', 7],
    ["no ipam", '{"name":"net"}', 999],
    [
      "neither datastore nor kubeconfig",
      '{"name":"net","ipam":{"type":"whereabouts","range":"10.0.0.0/24"}}',
      999,
    ],
  ])("%s: an error of code %#, and no trace", (_, stdin, code) =>
    withFolder(async (_database, folder) => {
      const before = existsSync(DEFAULT_DATABASE);
      const answer = await add(stdin, { env: { HOME: folder } });
      expect([answer.exit, codeOf(answer)]).toEqual([1, code]);
      expect(existsSync(DEFAULT_DATABASE)).toBe(before);
    }),
  );

  test.each([
    ["bad CIDR", { range: "10.0.0.0/33" }, 999, "ipam.range"],
    [
      "reversed",
      { range: "10.0.0.0/24", range_start: "10.0.0.9", range_end: "10.0.0.3" },
      7,
      "ipam.range_end",
    ],
    ["exclude outside", { range: "10.0.0.0/24", exclude: ["10.9.0.0/24"] }, 7, "ipam.exclude[0]"],
    ["everything excluded", { range: "10.0.0.0/24", exclude: ["10.0.0.0/16"] }, 999, "ipam"],
    ["a /31", { range: "10.0.0.0/31" }, 999, "ipam.range"],
    ["a /128", { range: "fd00::/128" }, 999, "ipam.range"],
    ["IPv4 gateway, IPv6 range", { range: "fd00::/64", gateway: "10.0.0.1" }, 7, "ipam.gateway"],
    ["wrong type", { ipRanges: [{ range: 7 }] }, 999, "ipam.ipRanges[0].range"],
    ["unknown datastore", { range: "10.0.0.0/24", datastore: "sqllite" }, 7, "ipam.datastore"],
  ])("%s: refused with path, code and hint before the database is made", (_, ipam, code, path) =>
    withFolder(async (database) => {
      const answer = await add(whereabouts(database, ipam));
      const error = JSON.parse(answer.stdout);
      expect([answer.exit, error.code]).toEqual([1, code]);
      expect(error.msg).toContain(path);
      expect(error.details.length).toBeGreaterThan(10);
      expect(existsSync(database)).toBe(false);
    }),
  );

  test("a damaged database and a path that cannot be: an error for ADD and DEL, the file is left as it was", () =>
    withFolder(async (database) => {
      writeFileSync(database, "not a database".repeat(1000));
      const size = Bun.file(database).size;
      for (const verb of ["ADD", "DEL"]) {
        expect(codeOf(await call({ verb, pod: "p1", config: whereabouts(database, RANGE) }))).toBe(5);
        const nowhere = whereabouts(join(database, "below/ipam.db"), RANGE);
        expect(codeOf(await call({ verb, pod: "p1", config: nowhere }))).toBe(11);
      }
      expect(Bun.file(database).size).toBe(size);
    }));

  test("a full pool: 999 for ADD, 50 for STATUS, and room again after DEL, even under a broken range", () =>
    withFolder(async (database) => {
      const config = whereabouts(database, RANGE, { cniVersion: "1.1.0" });
      for (const pod of ["a", "b"]) expect((await call({ verb: "ADD", pod, config })).exit).toBe(0);
      expect(codeOf(await call({ verb: "ADD", pod: "c", config }))).toBe(999);
      expect(codeOf(await call({ verb: "STATUS", pod: "c", config }))).toBe(50);
      const broken = whereabouts(database, { range: "banana" });
      expect((await call({ verb: "DEL", pod: "a", config: broken })).exit).toBe(0);
      expect((await call({ verb: "STATUS", pod: "c", config })).exit).toBe(0);
      expect(addressesOf((await call({ verb: "ADD", pod: "c", config })).stdout)).toEqual(["10.0.0.1"]);
      expect(heldIn(database).map(({ pod }) => pod)).toEqual(["c", "b"]);
    }));

  test("its own network namespace is refused before anything is allocated, unless the caller insists", () =>
    withFolder(async (database) => {
      const config = whereabouts(database, RANGE);
      const own = { netns: "/proc/self/ns/net" };
      expect(codeOf(await add(config, own))).toBe(8);
      expect(existsSync(database)).toBe(false);
      expect((await add(config, { ...own, env: { CNI_NETNS_OVERRIDE: "1" } })).exit).toBe(0);
    }));
});

describe("faults beside addresses that are held", () => {
  const heldPod = "held";
  const config = (database: string, top: object = {}) =>
    whereabouts(database, RANGE, { cniVersion: "1.1.0", ...top });
  const inUse = (body: (database: string, result: string) => Promise<void>) =>
    withFolder(async (database) => {
      const added = await call({ verb: "ADD", pod: heldPod, config: config(database) });
      expect(added.exit, added.stdout).toBe(0);
      await body(database, added.stdout);
    });

  test.each([
    ["two megabytes", (text: string) => text.replace("{", `{"padding":"${"a".repeat(2 ** 21)}",`), 6],
    ["half a configuration", (text: string) => text.slice(0, text.length / 2), 6],
    ["nothing", () => "", 6],
    ["a list", (text: string) => `[${text}]`, 6],
    ["a hundred thousand lists", () => `${"[".repeat(1e5)}${"]".repeat(1e5)}`, 6],
    ["ipam is deeply nested", () => `{"name":"net","ipam":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, 999],
  ])("%s on standard input: refused for ADD and DEL, what is held stays", (_, spoil, code) =>
    inUse(async (database) => {
      const before = heldIn(database);
      for (const verb of ["ADD", "DEL"]) {
        const answer = await call({ verb, pod: heldPod, config: spoil(JSON.stringify(config(database))) });
        expect([verb, answer.exit, codeOf(answer)]).toEqual([verb, 1, code]);
      }
      expect(heldIn(database)).toEqual(before);
    }),
  );

  test("an unknown key nested four thousand levels deep is passed over", () =>
    withFolder(async (database) => {
      const deep: object = JSON.parse(`${'{"a":'.repeat(4000)}1${"}".repeat(4000)}`);
      const answer = await call({ verb: "ADD", pod: "p1", config: config(database, { deep }) });
      expect([answer.exit, addressesOf(answer.stdout)]).toEqual([0, ["10.0.0.1"]]);
    }));

  test.each(["/proc/nope", "/proc/nope/ipam.db"])("the database %s cannot be: code 11", async (database) => {
    for (const verb of ["ADD", "DEL"]) {
      const answer = await call({ verb, pod: "p1", config: config(database) });
      expect([verb, answer.exit, codeOf(answer)]).toEqual([verb, 1, 11]);
    }
  });

  test("a database with a later layout: an error for ADD and DEL, and it is left alone", () =>
    inUse(async (database) => {
      const db = new Database(database);
      db.run("PRAGMA user_version = 99");
      db.close();
      for (const verb of ["ADD", "DEL"])
        expect(codeOf(await call({ verb, pod: heldPod, config: config(database) }))).toBe(5);
      expect(heldIn(database).map(({ pod }) => pod)).toEqual([heldPod]);
    }));

  test("CHECK holds after ADD, fails for another result, and fails after the address was released", () =>
    inUse(async (database, result) => {
      const prevResult: object = JSON.parse(result);
      const check = (previous: object) =>
        call({ verb: "CHECK", pod: heldPod, config: config(database, { prevResult: previous }) });
      const sound = await check(prevResult);
      expect(sound.exit, sound.stdout).toBe(0);
      expect(codeOf(await check({ ...prevResult, ips: [{ address: "10.0.0.2/30" }] }))).toBe(100);
      expect((await call({ verb: "DEL", pod: heldPod, config: config(database) })).exit).toBe(0);
      expect(codeOf(await check(prevResult))).toBe(100);
    }));

  test("STATUS is 0 while there is room and allocates nothing, and 50 without a store", () =>
    inUse(async (database) => {
      const status = (path: string) => call({ verb: "STATUS", pod: "any", config: config(path) });
      expect((await status(database)).exit).toBe(0);
      expect(heldIn(database)).toHaveLength(1);
      const nowhere = await status(join(database, "below/ipam.db"));
      expect([nowhere.exit, codeOf(nowhere)]).toEqual([1, 50]);
    }));

  test("GC keeps the valid attachments and frees the others; without a list it frees nothing", () =>
    inUse(async (database) => {
      expect((await call({ verb: "ADD", pod: "stale", config: config(database) })).exit).toBe(0);
      const collect = (list: unknown) => {
        const top = list === undefined ? {} : { "cni.dev/valid-attachments": list };
        return call({ verb: "GC", pod: "any", config: config(database, top) });
      };
      const pods = () => heldIn(database).map(({ pod }) => pod);
      for (const list of [undefined, {}, [{ containerID: `sandbox-${heldPod}` }]]) {
        expect(codeOf(await collect(list))).toBe(7);
        expect(pods()).toEqual([heldPod, "stale"]);
      }
      const done = await collect([{ containerID: `sandbox-${heldPod}`, ifname: "net1" }]);
      expect(done.exit, done.stdout).toBe(0);
      expect(pods()).toEqual([heldPod]);
    }));

  test("a DEL that knows another sandbox or interface frees nothing", () =>
    inUse(async (database) => {
      for (const other of [{ sandbox: "sandbox-other" }, { ifname: "net2" }])
        expect((await call({ verb: "DEL", pod: heldPod, config: config(database), ...other })).exit).toBe(0);
      expect(heldIn(database).map(({ pod }) => pod)).toEqual([heldPod]);
    }));
});

test.each([
  ["the plugin", [join(DIST, "cni/static")]],
  ["berth cni", [join(DIST, "berth"), "cni", "--plugin", "static"]],
])("%s: standard input that cannot be read is an error of the protocol, not a crash", async (_, command) => {
  const child = Bun.spawn(command, {
    env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c", CNI_NETNS: "/n", CNI_IFNAME: "net1", CNI_PATH: "/x" },
    stdin: openSync("/tmp", "r"),
    stdout: "pipe",
    stderr: "ignore",
  });
  const stdout = await new Response(child.stdout).text();
  const error = {
    code: 5,
    msg: "standard input cannot be read: EISDIR",
    details: "the runtime sends the netconf there",
  };
  expect([await child.exited, JSON.parse(stdout)]).toEqual([1, error]);
});

describe("the command line", () => {
  const berth = (...args: string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([join(DIST, "berth"), ...args]);
    return { exit: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  };

  test("show and pools, as table and as JSON", () =>
    withFolder(async (database) => {
      await call({
        verb: "ADD",
        pod: "web",
        config: whereabouts(database, { range: "fd00::/64", network_name: "blue" }),
      });
      expect(berth("pools", "--database", database).stdout).toMatch(
        /^NETWORK +RANGE.*\nblue +fd00::\/64 +1\.8e19 +1 /,
      );
      for (const subject of ["fd00::1", "FD00:0::1", "web", "default/web"]) {
        expect(berth("show", subject, "--database", database).stdout).toMatch(
          /fd00::1 +default\/web +net1 +net /,
        );
      }
      const [record] = JSON.parse(berth("show", "-o", "json", "--database", database).stdout);
      expect(record).toMatchObject({
        address: "fd00::1",
        pod: "default/web",
        networkName: "blue",
        sandbox: "sandbox-web",
      });
      expect(berth("show", "fd00::2", "--database", database).stdout).toContain("held by nobody");
    }));

  test("help, wrong usage, a database that is not there", () =>
    withFolder(async (database) => {
      expect(berth("--help").stdout).toContain("usage: berth COMMAND");
      expect(berth("polls").exit).toBe(2);
      expect(berth("pools", "--databse", "x").exit).toBe(2);
      expect(berth("pools", "-o", "xml").exit).toBe(2);
      expect(berth("cni", "--plugin", "bridge").exit).toBe(2);
      const missing = berth("pools", "--database", database);
      expect([missing.exit, missing.stderr.includes(database)]).toEqual([1, true]);
      expect(existsSync(database)).toBe(false);
    }));
});
