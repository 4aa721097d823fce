import { expect, test } from "bun:test";
import { systemClock } from "../../src/clock.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { ReconcilerMetrics } from "../../src/reconciler/metrics.ts";
import { Reconciler } from "../../src/reconciler/reconciler.ts";
import { Schedule } from "../../src/reconciler/schedule.ts";
import { acquire, summary } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { ADMIN } from "../apiserver/identity.ts";
import type { Json } from "../apiserver/json.ts";
import { Random } from "../random.ts";
import { keepingCrds, NAMESPACE, openOn } from "../store/cluster.ts";
import { entriesOf, looseReservations, shared, unreserved } from "../store/ledger.ts";

/** Seconds of real time; minutes of it with SOAK_SECONDS=300. */
const SECONDS = Number(process.env.SOAK_SECONDS ?? 5);
const GRACE = 1_000;
const log = () => undefined;

/** Pods come and go on two nodes in real time, half of them without DEL, while the reconciler works. */
test(
  "a soak ends without leaks, and nobody who lives loses an address",
  async () => {
    const random = new Random(Number(process.env.SOAK_SEED ?? 42));
    const double = new Double({ crds: keepingCrds() });
    const nodes = ["node-a", "node-b"].map((client) => openOn(double, { client }));
    const client = new Client(double.connect({ client: "reconciler" }), systemClock, {
      namespace: NAMESPACE,
    });
    const schedule = new Schedule({ mounted: () => "* * * * *", flatFile: () => undefined }, log);
    const events = new EventRecorder({ client, clock: systemClock, log, component: "berth-reconciler" });
    const metrics = new ReconcilerMetrics(schedule, () => true);
    const stop = new AbortController();
    const options = { client, clock: systemClock, log, schedule, events, metrics, grace: GRACE };
    const running = new Reconciler(options).run(stop.signal);

    const alive = new Map<string, { uid: string; sandbox: string; node: number; address: string }>();
    const problems: string[] = [];
    let born = 0;
    const check = () => {
      const held = entriesOf(double);
      for (const [name, { address, sandbox }] of alive) {
        const mine = held.some((entry) => entry.startsWith(`${address} `) && entry.includes(` ${sandbox} `));
        if (!mine) problems.push(`${name} has lost ${address}`);
      }
      problems.push(...shared(double).map((address) => `${address} has two owners`));
    };
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end && problems.length === 0) {
      const name = `p${random.below(20)}`;
      const life = alive.get(name);
      if (life) {
        alive.delete(name);
        const isClean = random.chance(0.5);
        const store = nodes[life.node];
        if (isClean) await store?.commit([{ kind: "release", sandbox: life.sandbox, ifname: "net1" }]);
        removePod(double, name);
      } else {
        const node = random.below(nodes.length);
        const sandbox = `sandbox-${born++}`;
        const uid = seedPod(double, name);
        const done = await nodes[node]?.commit([acquire("10.0.0.0/24", { pod: name, uid, sandbox })]);
        if (!done?.ok) throw new Error("an ADD has failed");
        alive.set(name, { uid, sandbox, node, address: summary(done.value[0]) });
      }
      check();
      await Bun.sleep(random.below(40));
    }
    const isQuiet = () => entriesOf(double).length === alive.size && looseReservations(double).length === 0;
    for (let tries = 0; !isQuiet() && tries < 400; tries++) await Bun.sleep(25);
    check();
    stop.abort();
    await running;
    for (const store of nodes) store.close();
    expect(problems).toEqual([]);
    expect(born).toBeGreaterThan(10);
    expect(entriesOf(double)).toHaveLength(alive.size);
    expect([...looseReservations(double), ...unreserved(double)]).toEqual([]);
  },
  SECONDS * 1000 + 60_000,
);

function seedPod(double: Double, name: string): string {
  const spec = { nodeName: "node-a", containers: [{ name: "c", image: "i" }] };
  const made = double.seed({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec });
  return String((made.metadata as Json).uid);
}

function removePod(double: Double, name: string): void {
  const path = `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`;
  const reply = double.gateway.server.handle({ method: "DELETE", path, headers: {} }, ADMIN);
  if (reply.status >= 300) throw new Error(reply.body);
}
