import { expect, test } from "bun:test";
import { SLICE_NODE } from "../../src/kube/names.ts";
import { IP_POOLS, RESERVATIONS } from "../../src/kube/objects.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { Lab, shown, type Want } from "./lab.ts";

const NET: Want = { network: "net", range: "10.5.0.0/20", prefix: 28 };
const PLAIN: Want = { network: "plain", range: NET.range };

async function lab(writeDelay = 1_000): Promise<Lab> {
  const made = new Lab(1, writeDelay);
  made.attach("net", { range: NET.range, node_slice_size: "/28" });
  made.startController();
  for (const node of ["node-a", "node-b"]) made.join(node);
  return made;
}

function labels(cluster: Lab, resource: typeof IP_POOLS | typeof RESERVATIONS): unknown[] {
  return cluster.double
    .objects(resource)
    .map(({ metadata }) => Object(metadata).labels?.[SLICE_NODE])
    .sort();
}

async function podsKnown(cluster: Lab, node: string): Promise<string[]> {
  const claims = await cluster.clock.run(cluster.store(node).claims({}));
  return claims.ok ? claims.value.map(({ owner }) => owner.pod.name) : [claims.error.code];
}

async function relabel(cluster: Lab, name: string, value: string | null): Promise<void> {
  const patch = { metadata: { labels: { [SLICE_NODE]: value } } };
  const target = { name, namespace: NAMESPACE };
  await cluster.clock.run(cluster.client("admin").patch(IP_POOLS, target, { type: "merge", patch }));
  await cluster.clock.advance(100);
}

test("what belongs to a slice is labelled, and a node follows its own slices and what is in none", async () => {
  const cluster = await lab();
  await cluster.add("node-a", "a1", NET);
  await cluster.add("node-b", "b1", NET);
  await cluster.add("node-b", "plain", PLAIN);
  await cluster.clock.until(() => cluster.entries().length === 3, 5_000);
  await cluster.clock.advance(100);
  expect(labels(cluster, IP_POOLS)).toEqual(["node-a", "node-b", undefined]);
  expect(labels(cluster, RESERVATIONS)).toEqual(["node-a", "node-b", undefined]);
  expect((await podsKnown(cluster, "node-a")).sort()).toEqual(["a1", "plain"]);
  expect((await podsKnown(cluster, "node-b")).sort()).toEqual(["b1", "plain"]);
});

for (const isLost of [false, true]) {
  test(`a restarted node frees address and reservation, its journal ${isLost ? "lost" : "kept"}`, async () => {
    const cluster = await lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.clock.until(() => cluster.entries().length === 1, 5_000);
    cluster.kill("node-a");
    if (isLost) cluster.disks.delete("node-a");
    expect(await cluster.del("node-a", "p1")).toBe(true);
    await cluster.clock.until(() => cluster.entries().length + cluster.reservations().length === 0, 5_000);
  });

  test(`so it does after an ADD has taken the slice up, its journal ${isLost ? "lost" : "kept"}`, async () => {
    const cluster = await lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.clock.until(() => cluster.entries().length === 1, 5_000);
    cluster.kill("node-a");
    if (isLost) cluster.disks.delete("node-a");
    expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.2");
    expect(await cluster.del("node-a", "p1")).toBe(true);
    const left = () =>
      [...cluster.entries().map((entry) => entry.slice(-2)), ...cluster.reservations()].join();
    await cluster.clock.until(() => left() === "p2,10.5.0.2", 5_000);
  });
}

test("a restarted node takes the reservation of an address's former owner over", async () => {
  const cluster = await lab(20_000);
  const small: Want = { network: "small", range: "10.9.0.0/28", prefix: 28 };
  cluster.attach("small", { range: small.range, node_slice_size: "/28" });
  for (let pod = 1; pod <= 14; pod++) await cluster.add("node-a", `p${pod}`, small);
  await cluster.clock.until(() => cluster.entries().length === 14, 60_000);
  await cluster.clock.advance(100);
  await cluster.del("node-a", "p1");
  expect(shown(await cluster.add("node-a", "q", small))).toBe("10.9.0.1");
  cluster.kill("node-a");
  cluster.store("node-a");
  await cluster.clock.until(() => cluster.entries().some((entry) => entry.endsWith("/q")), 60_000);
  const reservation = cluster.double.objects(RESERVATIONS).find(({ metadata }) => {
    return Object(metadata).name === "10.9.0.1";
  });
  expect(reservation?.spec).toMatchObject({ podref: "default/q" });
  expect(cluster.store("node-a").sliceFigures()?.conflicts).toBe(0);
});

test("an address that others have freed in a slice is given and reserved again", async () => {
  const cluster = await lab();
  await cluster.add("node-a", "p1", NET);
  await cluster.clock.until(() => cluster.entries().length === 1, 5_000);
  const admin = cluster.client("admin");
  const patch = [{ op: "remove", path: "/spec/allocations/1" }] as const;
  const pool = { name: "node-a-10.5.0.0-28", namespace: NAMESPACE };
  await cluster.clock.run(admin.patch(IP_POOLS, pool, { type: "json", patch }));
  await cluster.clock.run(admin.delete(RESERVATIONS, { name: "10.5.0.1", namespace: NAMESPACE }));
  await cluster.clock.advance(100);
  for (const pod of ["p2", "p3"]) await cluster.add("node-a", pod, NET);
  await cluster.clock.until(() => cluster.entries().length === 2, 5_000);
  expect(cluster.reservations()).toEqual(["10.5.0.1", "10.5.0.2"]);
});

test.each(["node-a", "node-b"])(
  "a reservation that %s has left in a slice is taken over by whoever has the slice now",
  async (former) => {
    const cluster = await lab();
    cluster.double.seed({
      apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
      kind: RESERVATIONS.kind,
      metadata: { name: "10.5.0.1", namespace: NAMESPACE, labels: { [SLICE_NODE]: former } },
      spec: { podref: "default/old", ifname: "net1", containerid: "old" },
    });
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    await cluster.clock.until(() => cluster.entries().length === 1, 5_000);
    const [reservation] = cluster.double.objects(RESERVATIONS);
    expect(reservation).toMatchObject({
      metadata: { labels: { [SLICE_NODE]: "node-a" } },
      spec: { podref: "default/p1" },
    });
    expect(cluster.store("node-a").sliceFigures()?.conflicts).toBe(0);
    await cluster.del("node-a", "p1");
    await cluster.clock.until(() => cluster.entries().length + cluster.reservations().length === 0, 5_000);
  },
);

test("without slices a node leaves an address alone that another has reserved for a slice", async () => {
  const cluster = await lab();
  cluster.double.seed({
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: RESERVATIONS.kind,
    metadata: { name: "10.5.0.1", namespace: NAMESPACE, labels: { [SLICE_NODE]: "node-a" } },
    spec: { podref: "default/old", ifname: "net1" },
  });
  await cluster.clock.advance(100);
  const given = shown(await cluster.add("node-b", "p1", PLAIN));
  expect(given).toMatch(/^10\.5\./);
  expect(given).not.toBe("10.5.0.1");
});

test("a pool whose label comes and goes stays known to its node, and to others while it has none", async () => {
  const cluster = await lab();
  await cluster.add("node-a", "p1", NET);
  await cluster.clock.until(() => cluster.entries().length === 1, 5_000);
  const name = "node-a-10.5.0.0-28";
  for (let round = 0; round < 2; round++) {
    await relabel(cluster, name, null);
    expect(await podsKnown(cluster, "node-b")).toHaveLength(round + 1);
    await cluster.add("node-a", `p${round + 2}`, NET);
    await cluster.clock.until(() => cluster.entries().length === round + 2, 5_000);
    await relabel(cluster, name, "node-a");
    expect(await podsKnown(cluster, "node-b")).toEqual([]);
  }
  for (const pod of ["p1", "p2", "p3"]) expect(await cluster.del("node-a", pod)).toBe(true);
  await cluster.clock.until(() => cluster.entries().length + cluster.reservations().length === 0, 5_000);
});
