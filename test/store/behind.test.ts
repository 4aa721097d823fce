import { expect, test } from "bun:test";
import { apiVersionOf, IP_POOLS } from "../../src/kube/objects.ts";
import { acquire, summary } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { ADMIN } from "../apiserver/identity.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, NAMESPACE, openOn } from "./cluster.ts";
import { entriesOf, reservationsOf, unreserved } from "./ledger.ts";

const DUAL = acquire(["10.0.0.0/24", "fd00::/64"], { pod: "a", uid: "u", sandbox: "s" });

/** An agent, and a call of the same node that went without it. */
async function start() {
  const clock = new VirtualClock();
  const double = new Double({ clock, crds: keepingCrds() });
  const agent = openOn(double, { client: "agent", clock, latency: [1, 2] });
  const lone = openOn(double, { client: "lone", clock, staying: false, latency: [1, 2] });
  await clock.advance(1_000);
  /** From now on the agent hears nothing more of such objects. */
  const deafen = (resource: string) => {
    double.faults.plant({ client: "agent", verb: ["watch", "list"], resource }, { do: "hang" });
    double.gateway.breakWatches();
  };
  const end = async () => {
    agent.close();
    lone.close();
    await clock.advance(100);
  };
  return { clock, double, agent, lone, deafen, end };
}

test("a DEL frees the second address too that a call without the agent has just got, of which the watch told only the first", async () => {
  const { clock, double, agent, lone, end } = await start();
  const pool = { client: "lone", verb: ["create", "patch"], resource: "ippools" } as const;
  double.faults.plant({ ...pool, nth: 2, times: 1 }, { do: "delay", ms: 500 });
  const added = lone.commit([{ ...DUAL, now: clock.now() }]);
  await clock.advance(200);
  expect(entriesOf(double).length).toBe(1);
  double.faults.plant({ client: "agent", verb: "watch", resource: "ippools" }, { do: "hang" });
  double.gateway.breakWatches();
  const given = await clock.run(added);
  expect(given.ok && given.value.map(summary)).toEqual(["10.0.0.1 fd00::1"]);

  const freed = await clock.run(agent.commit([{ kind: "release", sandbox: "s", ifname: "net1" }]));
  expect(freed.ok && freed.value.map(summary)).toEqual(["10.0.0.1 fd00::1"]);
  expect([entriesOf(double), reservationsOf(double)]).toEqual([[], []]);
  await end();
});

test("an ADD keeps the pod's address although the watch has not yet told that it is reserved for the pod", async () => {
  const { clock, double, agent, lone, deafen, end } = await start();
  deafen("overlappingrangeipreservations");
  await clock.advance(100);
  const first = await clock.run(lone.commit([DUAL]));
  await clock.advance(100);
  const again = await clock.run(agent.commit([DUAL]));
  expect(again.ok && again.value.map(summary)).toEqual(first.ok ? first.value.map(summary) : []);
  expect(reservationsOf(double).length).toBe(2);
  expect(unreserved(double)).toEqual([]);
  await end();
});

test.each([
  ["pool", "ippools"],
  ["reservation", "overlappingrangeipreservations"],
])(
  "an answer that there is no %s, from before another node made it, does not hide it for good",
  async (_, resource) => {
    const { clock, double, agent, lone, end } = await start();
    const conflict = { do: "answer", failure: ANSWERS.conflict(resource, "x") } as const;
    double.faults.plant({ client: "agent", verb: "create", resource, times: 1 }, conflict);
    const late = double.faults.plant(
      { client: "agent", verb: "get", resource, times: 1 },
      { do: "delay_answer", ms: 500 },
    );
    const first = agent.commit([acquire("10.0.0.0/24", { pod: "a", sandbox: "a" })]);
    await clock.advance(100);
    expect(late.hits()).toBe(1);
    const other = await clock.run(lone.commit([acquire("10.0.0.0/24", { pod: "b", sandbox: "b" })]));
    const given = [await clock.run(first), other].map((result) =>
      result.ok ? result.value.map(summary) : result.error,
    );
    // Who has lost a race keeps out of the others' way, so it need not be the next one.
    const both = given.flat();
    expect([
      new Set(both).size,
      both.includes("10.0.0.1"),
      both.every((one) => typeof one === "string"),
    ]).toEqual([2, true, true]);
    const third = await clock.run(agent.commit([acquire("10.0.0.0/24", { pod: "c", sandbox: "c" })]));
    expect(third.ok && third.value.map(summary).some((one) => both.includes(one))).toBe(false);
    const freed = await clock.run(agent.commit([{ kind: "release", sandbox: "b", ifname: "net1" }]));
    expect(freed.ok && freed.value.map(summary)).toEqual(given[1] as string[]);
    expect(reservationsOf(double).length).toBe(2);
    await end();
  },
);

test.each([true, false])(
  "what is no record in a pool gives its address to nobody and is told (agent: %p)",
  async (staying) => {
    const clock = new VirtualClock();
    const double = new Double({ clock, crds: "berth" });
    const allocations = {
      "1": "x",
      "2": null,
      "3": ["y"],
      "4": { id: "s", podref: "default/go", ifname: "net1" },
    };
    const metadata = { name: "10.0.0.0-24", namespace: NAMESPACE };
    const pool = { apiVersion: apiVersionOf(IP_POOLS), kind: IP_POOLS.kind, metadata };
    double.seed({ ...pool, spec: { range: "10.0.0.0/24", allocations } });
    const store = openOn(double, { clock, staying, latency: [1, 2] });
    await clock.advance(1_000);
    const add = (pod: string) => clock.run(store.commit([acquire("10.0.0.0/24", { pod })]));
    const given = await add("a");
    expect(given.ok && given.value.map(summary)).toEqual(["10.0.0.5"]);
    const told = store.notes().filter((note) => note.includes("is no record"));
    expect(told.length).toBe(3);
    expect(told[0]).toContain('the pool 10.0.0.0-24 has at the offset 1 "x"');
    // Put right by a person.
    double.gateway.server.handle(
      {
        method: "PATCH",
        path: `/apis/${pool.apiVersion}/namespaces/${NAMESPACE}/ippools/10.0.0.0-24`,
        headers: { "content-type": "application/json-patch+json" },
        body: JSON.stringify([{ op: "remove", path: "/spec/allocations/1" }]),
      },
      ADMIN,
    );
    await clock.advance(1_000);
    const next = await add("b");
    expect(next.ok && next.value.map(summary)).toEqual(["10.0.0.1"]);
    store.close();
    await clock.advance(100);
  },
);
