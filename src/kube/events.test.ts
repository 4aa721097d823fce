import { beforeEach, expect, test } from "bun:test";
import { Double } from "../../test/apiserver/double.ts";
import { VirtualClock } from "../../test/virtual-clock.ts";
import { Client } from "./client.ts";
import { EventRecorder } from "./events.ts";
import { EVENTS, type Event } from "./objects.ts";

let clock: VirtualClock;
let double: Double;
let recorder: EventRecorder;
let logged: string[];

const pod = { apiVersion: "v1", kind: "Pod", namespace: "default", name: "web-0", uid: "u1" };
const full = {
  type: "Warning",
  reason: "AddressPoolFull",
  message: "no free address in 10.0.0.0/24",
} as const;

beforeEach(() => {
  clock = new VirtualClock();
  double = new Double({ clock });
  logged = [];
  const client = new Client(double.connect({ client: "agent" }), clock, { namespace: "kube-system" });
  const log = (_: string, msg: string) => void logged.push(msg);
  recorder = new EventRecorder({ client, clock, log, component: "berth-agent", host: "node-a" });
});

const told = () => double.objects({ group: "", plural: "events" }) as unknown as readonly Event[];

test("an event lies beside its object and says who tells it", async () => {
  recorder.record(pod, full);
  await clock.run(recorder.flush());
  expect(told()).toMatchObject([
    {
      metadata: { namespace: "default" },
      involvedObject: { name: "web-0", uid: "u1" },
      reason: "AddressPoolFull",
      type: "Warning",
      count: 1,
      source: { component: "berth-agent", host: "node-a" },
      firstTimestamp: "2026-01-01T00:00:00Z",
    },
  ]);
});

test("repetitions within five minutes are one event, which counts them when the next is told", async () => {
  for (let n = 0; n < 10; n++) recorder.record(pod, full);
  recorder.record({ ...pod, name: "web-1", uid: "u2" }, full);
  await clock.run(recorder.flush());
  expect(told()).toHaveLength(2);
  expect(recorder.counts).toEqual({ sent: 2, merged: 9, dropped: 0, failed: 0 });
  await clock.advance(300_001);
  recorder.record(pod, full);
  await clock.run(recorder.flush());
  expect(told()).toHaveLength(2);
  expect(told().find(({ involvedObject }) => involvedObject.name === "web-0")?.count).toBe(11);
});

test("an event that the server has forgotten is told anew", async () => {
  recorder.record(pod, full);
  await clock.run(recorder.flush());
  const [event] = told();
  const client = new Client(double.connect({ client: "x" }), clock, { namespace: "default" });
  const name = { name: event?.metadata.name ?? "", namespace: "default" };
  await clock.run(client.delete(EVENTS, name));
  await clock.advance(300_001);
  recorder.record(pod, full);
  await clock.run(recorder.flush());
  expect(told()).toHaveLength(1);
});

test("a server that is away costs the caller nothing, and the failure is counted and logged", async () => {
  double.gateway.stop();
  recorder.record(pod, full);
  await clock.run(recorder.flush());
  expect(recorder.counts.failed).toBe(1);
  expect(logged).toEqual(["an event could not be told"]);
});

test("a flood is cut: no more than a hundred wait", async () => {
  double.faults.plant({ verb: "create" }, { do: "hang" });
  for (let n = 0; n < 5_000; n++) recorder.record({ ...pod, name: `p${n}` }, full);
  expect(recorder.counts.dropped).toBeGreaterThan(4_800);
  double.faults.clear();
  await clock.run(recorder.flush());
  expect(told().length).toBeLessThanOrEqual(101);
});
