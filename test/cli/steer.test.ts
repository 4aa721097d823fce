import { afterEach, beforeEach, expect, test } from "bun:test";
import { readExpiry } from "../../src/cli/reserve.ts";
import { chooseSource, DEFAULT_DATABASE } from "../../src/cli/source.ts";
import { acquire, summary } from "../../src/store/contract.ts";
import { Host } from "./fixture.ts";

let host: Host;
beforeEach(async () => {
  host = await Host.make();
});
afterEach(() => host.dispose());

const berth = (...args: string[]) => host.run(...args, "--database", host.database);
const shown = (address: string) => JSON.parse(berth("show", address, "-o", "json").stdout);

test("a reservation: said first, then made; no pod gets it; renewed, and given back", async () => {
  const reserve = ["reserve", "10.56.0.3", "--reason", "router", "--owner", "ops"];
  expect(berth(...reserve).stdout).toContain("Would reserve for ops: router");
  expect(shown("10.56.0.3")).toEqual([]);
  expect(berth(...reserve, "--yes")).toMatchObject({ exit: 0, stderr: "" });
  expect(shown("10.56.0.3")).toMatchObject([{ pod: "", reserved: { by: "ops", reason: "router" } }]);

  const store = host.store();
  const given = await store.commit([acquire("10.56.0.0/24", { pod: "next" })]);
  store.close();
  expect(given.ok && summary(given.value[0])).toBe("10.56.0.4");

  expect(berth(...reserve, "--expires", "90d", "--yes").exit).toBe(0);
  expect(shown("10.56.0.3")).toMatchObject([{ reserved: { until: "<time>" } }]);
  const stranger = berth("reserve", "10.56.0.3", "--reason", "mine", "--owner", "dev", "--yes");
  expect([stranger.exit, stranger.stderr]).toEqual([
    1,
    expect.stringContaining("a reservation of ops: router"),
  ]);
  expect(berth("release", "10.56.0.3", "--yes").stdout).toContain("Released from a reservation of ops");
  expect(shown("10.56.0.3")).toEqual([]);
});

test("release frees all that the interface of the sandbox holds, and only that", () => {
  expect(berth("release", "10.57.0.1").stdout).toContain("fd57::1");
  expect(shown("fd57::1")).toHaveLength(1);
  expect(berth("release", "10.57.0.1", "--yes").exit).toBe(0);
  expect([...shown("10.57.0.1"), ...shown("fd57::1")]).toEqual([]);
  expect(JSON.parse(berth("show", "-o", "json").stdout)).toHaveLength(6);
  expect(berth("release", "10.57.0.1", "--yes")).toMatchObject({ exit: 1 });
});

test.each([
  [["reserve", "10.56.0.9"], 2, "--reason is missing"],
  [["reserve", "10.56.0.999", "--reason", "x"], 2, "above 255"],
  [["reserve", "10.56.0.9", "--reason", "x", "--expires", "soon"], 2, "a span such as 12h"],
  [["reserve", "10.56.0.9", "--reason", "x", "--expires", "2001-01-01"], 2, "lies in the past"],
  [["reserve", "10.99.0.9", "--reason", "x"], 1, "lies in no pool"],
  [["reserve", "10.56.0.255", "--reason", "x"], 1, "broadcast"],
  [["release", "10.56.0.9"], 1, "nobody holds 10.56.0.9"],
  [["release"], 2, "name an address"],
  [["top", "cats"], 2, "top counts pools, nodes"],
  [["pools", "-o", "xml"], 2, "--output is table, wide, json, yaml"],
  [["explain", "/etc/hostname"], 1, "no whereabouts network"],
])("%p is refused", (args, exit, why) => {
  expect(berth(...args)).toMatchObject({ exit, stderr: expect.stringContaining(why) });
});

test("a reservation before the first pod of a pool makes the pool", () => {
  const args = [
    "reserve",
    "10.60.0.9",
    "--reason",
    "gateway",
    "--owner",
    "ops",
    "--pool",
    "10.60.0.0/24",
    "--yes",
  ];
  expect(berth(...args).exit).toBe(0);
  expect(shown("10.60.0.9")).toMatchObject([{ pool: "10.60.0.0/24" }]);
});

test("completion: commands, options, values, held addresses; one script a shell", () => {
  const complete = (...words: string[]) =>
    host
      .run("__complete", ...words)
      .stdout.trim()
      .split("\n");
  expect(complete("po")).toEqual(["pools"]);
  expect(complete("reserve", "--re")).toEqual(["--reason"]);
  expect(complete("pools", "-o", "")).toEqual(["table", "wide", "json", "yaml"]);
  expect(complete("top", "n")).toEqual(["nodes", "namespaces", "networks"]);
  for (const shell of ["bash", "zsh", "fish"]) {
    expect(host.run("completion", shell)).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining("__complete"),
    });
  }
  expect(host.run("completion", "cmd").exit).toBe(2);
  const check = Bun.spawnSync(["bash", "-n"], { stdin: Buffer.from(host.run("completion", "bash").stdout) });
  expect(check.exitCode).toBe(0);
});

test("which store is meant", () => {
  const choose = (options: object, env: NodeJS.ProcessEnv, files: string[], isKubectl = false) =>
    chooseSource(options, { env, home: "/home/me", exists: (path) => files.includes(path), isKubectl });
  const sqlite = (path: string) => ({ kind: "sqlite" as const, path });
  const cluster = (kubeconfig: string) => ({ kind: "kubernetes" as const, kubeconfig });
  const usual = "/home/me/.kube/config";
  const pod = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
  expect(choose({}, {}, [])).toEqual(sqlite(DEFAULT_DATABASE));
  expect(choose({ database: "/x" }, { KUBECONFIG: "/k" }, ["/k"])).toEqual(sqlite("/x"));
  expect(choose({}, { KUBECONFIG: "/gone:/k" }, ["/k", DEFAULT_DATABASE])).toEqual(cluster("/k"));
  expect(choose({}, {}, [DEFAULT_DATABASE, usual])).toEqual(sqlite(DEFAULT_DATABASE));
  expect(choose({}, {}, [DEFAULT_DATABASE, usual], true)).toEqual(cluster(usual));
  expect(choose({}, {}, [usual])).toEqual(cluster(usual));
  expect(choose({}, pod, [])).toEqual(cluster(""));
  expect(choose({ context: "c" }, {}, [DEFAULT_DATABASE, usual])).toEqual({
    ...cluster(usual),
    context: "c",
  });
});

test("spans and dates of --expires", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  expect(readExpiry("90m", now)).toEqual({ ok: true, value: now + 90 * 60_000 });
  expect(readExpiry("2030-01-02", now)).toEqual({ ok: true, value: now + 86_400_000 });
  for (const text of ["", "90", "-1d", "0d", "tomorrow", "1"]) expect(readExpiry(text, now).ok).toBe(false);
});
