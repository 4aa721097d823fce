import { expect, test } from "bun:test";
import type { Outcome } from "../../src/allocation/claim.ts";
import { apiVersionOf, IP_POOLS, RESERVATIONS } from "../../src/kube/objects.ts";
import { acquire } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, NAMESPACE, openOn } from "./cluster.ts";
import { entriesOf, reservationsOf } from "./ledger.ts";

const RANGE = "10.0.0.0/16";
const NODES = ["node-a", "node-b", "node-c", "node-d"];
const PODS = 5;
/** Milliseconds that the server works on one write of the pool. */
const WRITE = 300;

/** Four nodes before a pool that holds so many addresses, and when each write of it begins. */
async function cluster(held: number) {
  const clock = new VirtualClock(5);
  const double = new Double({ clock, crds: keepingCrds() });
  const allocations: { [offset: string]: object } = {};
  for (let offset = 1; offset <= held; offset++) {
    const owner = { podref: `default/old-${offset}`, ifname: "net1" };
    allocations[offset] = { id: `old-${offset}`, ...owner };
    seed(double, RESERVATIONS, `10.0.${offset >> 8}.${offset & 255}`, owner);
  }
  seed(double, IP_POOLS, "10.0.0.0-16", { range: RANGE, allocations });
  const agents = NODES.map((node) => openOn(double, { client: node, node, clock, latency: [1, 5] }));
  const writes = { verb: "patch", resource: "ippools" } as const;
  const starts: number[] = [];
  double.faults.plant(writes, { do: "run", run: () => starts.push(clock.elapsed()) });
  double.faults.plant(writes, { do: "delay", ms: WRITE });
  await clock.advance(1_000);
  const colliding = () =>
    starts.filter((start, index) => starts.slice(0, index).some((other) => start < other + WRITE)).length;
  const end = async () => {
    for (const agent of agents) agent.close();
    await clock.advance(100);
  };
  return { clock, double, agents, starts, colliding, end };
}

function seed(
  double: Double,
  resource: Pick<typeof IP_POOLS, "group" | "version" | "kind">,
  name: string,
  spec: object,
) {
  const metadata = { name, namespace: NAMESPACE };
  double.seed({ apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, spec });
}

type Cluster = Awaited<ReturnType<typeof cluster>>;

function addAll({ clock, agents }: Cluster) {
  return agents.flatMap((agent, index) =>
    Array.from({ length: PODS }, (_, number) => {
      const pod = `${NODES[index]}-${number}`;
      const change = { ...acquire(RANGE, { pod }), node: NODES[index] ?? "", now: clock.now() };
      return agent.commit([change]);
    }),
  );
}

function deleteAll({ agents }: Cluster) {
  return agents.flatMap((agent, index) =>
    Array.from({ length: PODS }, (_, number) => {
      const sandbox = `sandbox-${NODES[index]}-${number}`;
      return agent.commit([{ kind: "release", sandbox, ifname: "net1" } as const]);
    }),
  );
}

function outcomes(
  results: readonly Awaited<ReturnType<Cluster["agents"][number]["commit"]>>[],
): Outcome["kind"][] {
  return results.flatMap((result) => (result.ok ? result.value.map(({ kind }) => kind) : []));
}

test("nodes that want to write a large pool at once take turns, for ADDs and for DELs", async () => {
  const all = await cluster(1_500);
  const { clock, double, starts, colliding, end } = all;
  const added = await clock.run(Promise.all(addAll(all)));
  expect(outcomes(added)).toEqual(Array(NODES.length * PODS).fill("acquired"));
  expect(colliding()).toBe(0);
  expect(starts.length).toBeLessThanOrEqual(2 * NODES.length);
  await clock.advance(12_000);

  starts.length = 0;
  const freed = await clock.run(Promise.all(deleteAll(all)));
  expect(outcomes(freed)).toEqual(Array(NODES.length * PODS).fill("released"));
  expect(colliding()).toBe(0);
  expect([entriesOf(double).length, reservationsOf(double).length]).toEqual([1_500, 1_500]);
  await end();
});

test("a small pool is written by all at once", async () => {
  const all = await cluster(10);
  const { clock, colliding, end } = all;
  const added = await clock.run(Promise.all(addAll(all)));
  expect(outcomes(added)).toEqual(Array(NODES.length * PODS).fill("acquired"));
  expect(colliding()).toBeGreaterThan(0);
  await end();
});

test("a node that dies before its turn holds the others up for three seconds", async () => {
  const all = await cluster(1_500);
  const { clock, double, agents, end } = all;
  const [dying, other] = agents;
  double.faults.plant({ client: "node-a", resource: "ippools", verb: "patch" }, { do: "hang" });
  const add = (agent: typeof dying, node: string) =>
    agent?.commit([{ ...acquire(RANGE, { pod: `pod-${node}` }), node, now: clock.now() }]);
  const never = add(dying, "node-a");
  await clock.advance(100);
  const started = clock.elapsed();
  const given = await clock.run(Promise.resolve(add(other, "node-b")));
  expect(given?.ok && outcomes([given])).toEqual(["acquired"]);
  expect(clock.elapsed() - started).toBeGreaterThan(2_500);
  expect(clock.elapsed() - started).toBeLessThan(4_500);
  await clock.run(Promise.resolve(never));
  await end();
});
