import { expect, test } from "bun:test";
import { acquire, summary } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, openOn } from "./cluster.ts";
import { reservationsOf, unreserved } from "./ledger.ts";

const add = (sandbox: string, now = 1) => [
  { ...acquire("10.0.0.0/24", { pod: "a", uid: "u", sandbox }), now },
];

/** A process whose call the runtime has given up, and which lives on; and another one of the same node. */
function start() {
  const clock = new VirtualClock();
  const double = new Double({ clock, crds: keepingCrds() });
  const open = (client: string) => openOn(double, { client, clock, staying: false, latency: [1, 2] });
  const [orphan, current] = [open("orphan"), open("current")];
  const end = async () => {
    orphan.close();
    current.close();
    await clock.advance(100);
  };
  return { clock, double, orphan, current, end };
}

test("an ADD that the runtime has given up takes no address from the pod's newer sandbox", async () => {
  const { clock, double, orphan, current, end } = start();
  const away = { do: "answer", failure: ANSWERS.unavailable } as const;
  const lifted = double.faults.plant({ client: "orphan", verb: ["create", "patch"] }, away);
  const old = orphan.commit(add("old"));
  await clock.advance(500);
  const now = await clock.run(current.commit(add("new")));
  expect(now.ok && now.value.map(summary)).toEqual(["10.0.0.1"]);
  lifted.remove();
  const late = await clock.run(old);
  expect(late.ok ? late.value.map(summary) : late.error.message).toContain("another sandbox");
  const held = await clock.run(current.claims({ attachment: { sandbox: "new", ifname: "net1" } }));
  expect(held.ok && held.value.length).toBe(1);
  expect(reservationsOf(double)).toEqual(["10.0.0.1 default/a net1"]);
  expect(unreserved(double)).toEqual([]);
  await end();
});

test("nor one that has not reached the server before", async () => {
  const { clock, double, orphan, current, end } = start();
  const away = { do: "answer", failure: ANSWERS.unavailable } as const;
  const lifted = double.faults.plant({ client: "orphan" }, away);
  const old = orphan.commit(add("old", clock.now()));
  await clock.advance(1_000);
  await clock.run(current.commit(add("new", clock.now())));
  lifted.remove();
  const late = await clock.run(old);
  expect(late.ok ? late.value.map(summary) : late.error.message).toContain("another sandbox");
  await end();
});

test("a new sandbox takes over what an older one has left, also if its write lands a moment late", async () => {
  const { clock, double, orphan, current, end } = start();
  double.faults.plant({ client: "orphan", verb: "create", resource: "ippools" }, { do: "delay", ms: 300 });
  const old = orphan.commit(add("old"));
  await clock.advance(50);
  const first = await clock.run(current.commit(add("new")));
  await clock.run(old);
  const again = await clock.run(current.commit(add("newest")));
  expect(again.ok && again.value.map(summary)).toEqual(["10.0.0.1"]);
  expect(first.ok || first.error.retry === "transient").toBe(true);
  await end();
});
