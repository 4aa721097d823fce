import { expect, test } from "bun:test";
import { acquire, summary } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, openOn } from "./cluster.ts";
import { reservationsOf, unreserved } from "./ledger.ts";

test("the DEL of an old sandbox leaves alone the reservation that the pod's new sandbox has taken over meanwhile", async () => {
  const clock = new VirtualClock();
  const double = new Double({ clock, crds: keepingCrds() });
  const store = openOn(double, { clock, latency: [1, 2] });
  const add = (sandbox: string) => store.commit([acquire("10.0.0.0/24", { pod: "a", uid: "u", sandbox })]);
  await clock.run(add("old"));
  // The watch tells what DEL has done before its own answer comes.
  double.faults.plant({ verb: "patch", resource: "ippools", times: 1 }, { do: "delay_answer", ms: 500 });
  const del = store.commit([{ kind: "release", sandbox: "old", ifname: "net1" }]);
  await clock.advance(50);
  double.faults.plant({ verb: "patch", resource: "ippools", times: 1 }, { do: "delay", ms: 2_000 });
  const [, added] = await clock.run(Promise.all([del, add("new")]));
  expect(added.ok && added.value.map(summary)).toEqual(["10.0.0.1"]);
  expect(reservationsOf(double)).toEqual(["10.0.0.1 default/a net1"]);
  expect(unreserved(double)).toEqual([]);
  store.close();
  await clock.advance(100);
});

test("an ADD whose address went to another pod while it waited leaves that pod's entry alone", async () => {
  const clock = new VirtualClock();
  const double = new Double({ clock, crds: keepingCrds() });
  const store = openOn(double, { clock, latency: [1, 2] });
  const elsewhere = openOn(double, { client: "node-b", clock, latency: [1, 2] });
  const add = (pod: string, sandbox: string) => [acquire("10.0.0.0/24", { pod, uid: `uid-${pod}`, sandbox })];
  await clock.run(store.commit(add("a", "old")));
  // It is about to take over the pod's reservation for the new sandbox.
  const late = { verb: "patch", resource: "overlappingrangeipreservations", times: 1 } as const;
  double.faults.plant(late, { do: "delay", ms: 2_000 });
  const again = store.commit(add("a", "new"));
  await clock.advance(50);
  await clock.run(store.commit([{ kind: "release", sandbox: "old", ifname: "net1" }]));
  await clock.advance(50);
  const other = await clock.run(elsewhere.commit(add("b", "other")));
  expect(other.ok && other.value.map(summary)).toEqual(["10.0.0.1"]);
  const added = await clock.run(again);
  expect(added.ok && added.value.map(summary)).toEqual(["10.0.0.2"]);
  expect(reservationsOf(double)).toEqual(["10.0.0.1 default/b net1", "10.0.0.2 default/a net1"]);
  expect(unreserved(double)).toEqual([]);
  const held = await clock.run(elsewhere.claims({ pod: { namespace: "default", name: "b" } }));
  expect(held.ok && held.value.length).toBe(1);
  store.close();
  elsewhere.close();
  await clock.advance(100);
});
