import { describe, expect, test } from "bun:test";
import { parseAddress } from "../../src/ip/address.ts";
import { apiVersionOf, IP_POOLS, RESERVATIONS } from "../../src/kube/objects.ts";
import { acquire, summary } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, NAMESPACE, openOn } from "./cluster.ts";
import { entriesOf } from "./ledger.ts";

const READS = ["get", "list"] as const;

/** A double with one warm agent and a pool that exists. */
async function warm() {
  const clock = new VirtualClock(3);
  const double = new Double({ clock, crds: keepingCrds() });
  const agent = openOn(double, { clock, latency: [1, 1], patience: 10_000 });
  await clock.run(agent.commit([acquire("10.0.0.0/16", { pod: "first" })]));
  await clock.advance(1_000);
  double.counts.reset();
  return { clock, double, agent };
}

describe("what calls cost at the API server", () => {
  test.each([
    [true, 2],
    [false, 1],
  ])("a warm ADD reads nothing (overlap check %p: %p writes)", async (overlapCheck, writes) => {
    const { clock, double, agent } = await warm();
    await clock.run(agent.commit([acquire("10.0.0.0/16", { pod: "a", overlapCheck })]));
    expect(double.counts.writes()).toBe(writes);
    expect(double.counts.count({ verb: READS })).toBe(0);
  });

  test("200 ADDs at once share a few pool writes", async () => {
    const { clock, double, agent } = await warm();
    const all = Array.from({ length: 200 }, (_, index) =>
      agent.commit([acquire("10.0.0.0/16", { pod: `p${index}` })]),
    );
    const results = await clock.run(Promise.all(all));
    expect(new Set(results.map((result) => (result.ok ? summary(result.value[0]) : ""))).size).toBe(200);
    expect(double.counts.count({ verb: "patch", resource: "ippools" })).toBeLessThan(10);
    expect(double.counts.count({ verb: READS })).toBe(0);
  });

  test("1,000 reservations of an overlapping pool cost a warm ADD nothing", async () => {
    const { clock, double, agent } = await warm();
    for (let host = 2; host < 1_002; host++) {
      double.seed({
        apiVersion: apiVersionOf(RESERVATIONS),
        kind: RESERVATIONS.kind,
        metadata: { name: `10.0.${host >> 8}.${host & 255}`, namespace: NAMESPACE },
        spec: { podref: `other/p${host}`, ifname: "net1" },
      });
    }
    await clock.advance(1_000);
    double.counts.reset();
    const result = await clock.run(agent.commit([acquire("10.0.0.0/16", { pod: "a" })]));
    expect(result.ok && summary(result.value[0])).toBe("10.0.3.234");
    expect(double.counts.writes()).toBe(2);
  });

  test("ten nodes that draw from one pool at once seldom race", async () => {
    const clock = new VirtualClock(8);
    const double = new Double({ clock, crds: keepingCrds() });
    const agents = Array.from({ length: 10 }, (_, node) =>
      openOn(double, { client: `node-${node}`, clock, latency: [1, 3] }),
    );
    for (const [node, agent] of agents.entries())
      await clock.run(agent.commit([acquire("10.0.0.0/16", { pod: `first-${node}` })]));
    await clock.advance(2_000);
    double.counts.reset();
    const all: Promise<string>[] = [];
    for (let pod = 0; pod < 60; pod++) {
      const given = agents[pod % agents.length]?.commit([acquire("10.0.0.0/16", { pod: `p${pod}` })]);
      if (given) all.push(given.then((result) => (result.ok ? summary(result.value[0]) : result.error.code)));
      await clock.advance(2);
    }
    expect(new Set(await clock.run(Promise.all(all))).size).toBe(60);
    // Each node meets the others once or twice, and not again at each of its addresses.
    const lost = double.counts.count({ verb: "create", resource: RESERVATIONS.plural, status: 409 });
    expect(lost).toBeLessThan(25);
    expect(double.counts.count({ verb: READS })).toBe(0);
  });

  test("ten nodes on a pool of thousands write it seldom, since each version goes whole to all of them; one alone waits for nobody", async () => {
    const clock = new VirtualClock(8);
    const double = new Double({ clock, crds: keepingCrds() });
    const held = Array.from({ length: 2_000 }, (_, index) => [
      String(index + 1),
      { id: `s${index}`, podref: `other/p${index}`, ifname: "net1" },
    ]);
    double.seed({
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name: "10.0.0.0-16", namespace: NAMESPACE },
      spec: { range: "10.0.0.0/16", allocations: Object.fromEntries(held) },
    });
    const agents = Array.from({ length: 10 }, (_, node) =>
      openOn(double, { client: `node-${node}`, clock, latency: [1, 3], patience: 10_000 }),
    );
    await clock.advance(1_000);
    const slowest = async (nodes: number, pods: number) => {
      double.counts.reset();
      const times: Promise<number>[] = [];
      for (let pod = 0; pod < pods; pod++) {
        const started = clock.elapsed();
        const given = agents[pod % nodes]?.commit([acquire("10.0.0.0/16", { pod: `p${nodes}-${pod}` })]);
        if (given) times.push(given.then(({ ok }) => (ok ? clock.elapsed() - started : Number.NaN)));
        await clock.advance(5);
      }
      return Math.max(...(await clock.run(Promise.all(times))));
    };
    const patches = () => double.counts.count({ verb: "patch", resource: "ippools" });
    expect(await slowest(10, 200)).toBeLessThan(800);
    expect(patches()).toBeLessThan(80);
    await clock.advance(6_000);
    expect(await slowest(1, 20)).toBeLessThan(40);
  });

  test("who looks for one address reads the pools that may hold it, and its reservation there", async () => {
    const clock = new VirtualClock(3);
    const double = new Double({ clock, crds: keepingCrds() });
    const agent = openOn(double, { clock });
    for (let net = 0; net < 30; net++) {
      await clock.run(agent.commit([acquire(`10.${net}.0.0/16`, { pod: `p${net}` })]));
    }
    await clock.run(agent.commit([acquire("10.7.0.0/24", { pod: "blue", networkName: "blue" })]));
    await clock.run(agent.commit([acquire("10.7.0.0/16", { pod: "second" })]));
    double.counts.reset();
    const person = openOn(double, { clock, client: "person", staying: false });
    const parsed = parseAddress("10.7.0.1");
    if (!parsed.ok) throw new Error("a constant");
    const found = await clock.run(person.claims({ address: parsed.value }));
    const shown = found.ok
      ? found.value.map(({ owner, overlapCheck }) => [owner.pod.name, overlapCheck])
      : [];
    expect(shown).toEqual([
      ["p7", true],
      ["blue", true],
    ]);
    const of = (verb: "get" | "list") => double.counts.count({ client: "person", verb });
    expect([of("list"), of("get")]).toEqual([1, 4]);
    // What was read for one address does not pass for everything.
    const all = await clock.run(person.claims({}));
    expect(all.ok && all.value.length).toBe(32);
  });

  test("a pool whose writes hang delays no other pool, and its own caller no longer than it waits", async () => {
    const { clock, double, agent } = await warm();
    double.faults.plant(
      { verb: ["patch", "create"], resource: "ippools", name: "10.0.0.0-16" },
      { do: "hang" },
    );
    const started = clock.elapsed();
    const stuck = agent.commit([acquire("10.0.0.0/16", { pod: "stuck" })]);
    const other = await clock.run(agent.commit([acquire("10.9.0.0/16", { pod: "other" })]));
    expect(other.ok && summary(other.value[0])).toBe("10.9.0.1");
    expect(clock.elapsed() - started).toBeLessThan(200);
    expect(await clock.run(stuck)).toMatchObject({ ok: false, error: { code: "store_unavailable" } });
    expect(clock.elapsed() - started).toBeLessThan(10_100);
  });
});

describe("errors that help", () => {
  const forbidden = { code: 403, reason: "Forbidden", message: "ippools is forbidden" };
  const big = { code: 500, message: "etcdserver: request is too large" };
  test.each([
    ["forbidden", forbidden, "store_forbidden", /grant the verb patch on ippools/],
    [
      "an expired token",
      { code: 401, reason: "Unauthorized", message: "Unauthorized" },
      "store_unauthorized",
      /token/,
    ],
    ["a full pool object", big, "store_full", /node_slice_size/],
    ["a server in trouble", ANSWERS.unavailable, "store_unavailable", /./],
  ])("%s", async (_, failure, code, hint) => {
    const { clock, double, agent } = await warm();
    double.faults.plant({ verb: "patch", resource: "ippools" }, { do: "answer", failure });
    const result = await clock.run(agent.commit([acquire("10.0.0.0/16", { pod: "a" })]));
    if (result.ok) throw new Error("it was not refused");
    expect<string>(result.error.code).toBe(code);
    expect(result.error.hint).toMatch(hint);
    // Nothing of it is left.
    await clock.advance(20_000);
    expect(entriesOf(double).length).toBe(1);
    expect(double.objects(RESERVATIONS).length).toBe(1);
  });

  test("a server that is away", async () => {
    const { clock, double, agent } = await warm();
    double.gateway.stop();
    const release = { kind: "release", sandbox: "sandbox-first", ifname: "net1" } as const;
    for (const change of [acquire("10.0.0.0/16", { pod: "a" }), release]) {
      const result = await clock.run(agent.commit([change]));
      expect(result).toMatchObject({
        ok: false,
        error: { code: "store_unavailable", message: expect.stringContaining("connection refused") },
      });
    }
  });

  test("CRDs that are not installed", async () => {
    const clock = new VirtualClock(4);
    const agent = openOn(new Double({ clock, crds: [] }), { clock, staying: false });
    const result = await clock.run(agent.commit([acquire("10.0.0.0/16")]));
    expect(result).toMatchObject({
      ok: false,
      error: { code: "store_not_installed", hint: expect.stringContaining("CustomResourceDefinition") },
    });
  });

  test("the start-up check names what upstream's CRD prunes, in one line of the log", async () => {
    const clock = new VirtualClock(5);
    const lines: string[] = [];
    const agent = openOn(new Double({ clock }), { clock, log: (_, msg) => lines.push(msg) });
    await clock.advance(1_000);
    expect(lines.length).toBe(1);
    expect(agent.notes()[0]).toMatch(/ippools.*prunes uid .*node .*network/);
  });

  test("odd offsets are left alone and reported; the pool works", async () => {
    const clock = new VirtualClock(6);
    const double = new Double({ clock });
    const allocations = { "999": { id: "x", podref: "d/x" }, banana: { id: "y", podref: "d/y" } };
    double.seed({
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name: "10.0.0.0-24", namespace: NAMESPACE },
      spec: { range: "10.0.0.0/24", allocations },
    });
    const store = openOn(double, { clock, staying: false });
    const result = await clock.run(store.commit([acquire("10.0.0.0/24", { pod: "a" })]));
    expect(result.ok && summary(result.value[0])).toBe("10.0.0.1");
    expect(store.notes().join("\n")).toMatch(/"999"[\s\S]*"banana"/);
    expect(JSON.stringify(double.objects(IP_POOLS))).toContain("banana");
  });
});
