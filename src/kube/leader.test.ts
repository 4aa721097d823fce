import { beforeEach, expect, test } from "bun:test";
import { Double } from "../../test/apiserver/double.ts";
import { VirtualClock } from "../../test/virtual-clock.ts";
import type { Clock } from "../clock.ts";
import { Client } from "./client.ts";
import { Election } from "./leader.ts";
import { LEASES } from "./objects.ts";

let clock: VirtualClock;
let double: Double;
/** Who leads now, and who has led. */
let leading: Set<string>;
let history: string[];
let most: number;

beforeEach(() => {
  clock = new VirtualClock(7);
  double = new Double({ clock });
  leading = new Set();
  history = [];
  most = 0;
});

function clientOf(name: string) {
  const transport = double.connect({ client: name, latency: [1, 20] });
  return new Client(transport, clock, { namespace: "default" });
}

/** `skew`: milliseconds by which this process's clock of the day is off. */
function candidate(identity: string, skew = 0): Election {
  const own: Clock = {
    now: () => clock.now() + skew,
    elapsed: clock.elapsed,
    random: clock.random,
    after: (ms, run) => clock.after(ms, run),
  };
  const election = new Election({
    client: clientOf(identity),
    clock: own,
    log: () => undefined,
    name: "berth-controller",
    namespace: "kube-system",
    identity,
    lead: (signal, term) => {
      leading.add(identity);
      history.push(`${identity} ${term}`);
      most = Math.max(most, leading.size);
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => {
        leading.delete(identity);
        resolve();
      });
      return promise;
    },
  });
  election.start();
  return election;
}

const isLed = (by: string) => clock.until(() => leading.has(by), 120_000);

test("one of two leads; when it stops it gives the lease back and the other goes on at once", async () => {
  const first = candidate("one");
  await isLed("one");
  const second = candidate("two");
  await clock.advance(60_000);
  expect([...leading]).toEqual(["one"]);
  expect(second.leader).toBe("one");
  const stoppedAt = clock.elapsed();
  await clock.run(first.stop());
  await isLed("two");
  expect(clock.elapsed() - stoppedAt).toBeLessThan(4_000);
  expect(history).toEqual(["one 0", "two 1"]);
  await clock.run(second.stop());
  const lease = await clock.run(
    clientOf("x").get(LEASES, { name: "berth-controller", namespace: "kube-system" }),
  );
  expect(lease).toMatchObject({ ok: true, value: { spec: { holderIdentity: "" } } });
});

test("a leader that loses the server steps down before the other takes over", async () => {
  const first = candidate("one");
  await isLed("one");
  const second = candidate("two");
  await clock.advance(10_000);
  double.faults.partition("one");
  await clock.until(() => !leading.has("one"), 10_100);
  expect(first.isLeader).toBeFalse();
  await isLed("two");
  expect(most).toBe(1);
  double.faults.heal("one");
  await clock.advance(60_000);
  expect([...leading]).toEqual(["two"]);
  await clock.run(Promise.all([first.stop(), second.stop()]));
});

test("clocks that differ by an hour change nothing", async () => {
  const candidates = [candidate("one", 3_600_000), candidate("two", -3_600_000), candidate("three")];
  await clock.advance(300_000);
  expect(history).toHaveLength(1);
  expect(leading.size).toBe(1);
  await clock.run(Promise.all(candidates.map((each) => each.stop())));
});

test("a renewal whose answer is lost costs nothing", async () => {
  const only = candidate("one");
  await isLed("one");
  double.faults.plant({ client: "one", verb: "update", chance: 0.5 }, { do: "drop_after" });
  await clock.advance(120_000);
  expect(history).toEqual(["one 0"]);
  expect(only.isLeader).toBeTrue();
  await clock.run(only.stop());
});

test("never two at once, whatever happens to the wires", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    clock = new VirtualClock(seed);
    double = new Double({ clock });
    leading = new Set();
    most = 0;
    const names = ["one", "two", "three"];
    const candidates = names.map((name) => candidate(name));
    double.faults.plant({ verb: ["get", "update"], chance: 0.1 }, { do: "drop_after" });
    double.faults.plant({ verb: "update", chance: 0.1 }, { do: "delay", ms: 9_000 });
    double.faults.plant({ chance: 0.05 }, { do: "hang" });
    for (let round = 0; round < 15; round++) {
      const victim = names[Math.floor(clock.random() * 3)] ?? "one";
      double.faults.partition(victim);
      await clock.advance(clock.random() * 40_000);
      double.faults.heal(victim);
      await clock.advance(clock.random() * 10_000);
    }
    double.faults.clear();
    await clock.until(() => leading.size === 1, 120_000);
    expect({ seed, most }).toEqual({ seed, most: 1 });
    await clock.run(Promise.all(candidates.map((each) => each.stop())));
  }
});
