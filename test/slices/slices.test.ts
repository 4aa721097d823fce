import { describe, expect, test } from "bun:test";
import { apiVersionOf, NODE_SLICE_POOLS } from "../../src/kube/objects.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { Lab, shown, type Want } from "./lab.ts";

const NET: Want = { network: "net", range: "10.5.0.0/20", prefix: 28 };
const IPAM = { range: NET.range, node_slice_size: "/28" };

function lab(writeDelay = 1_000): Lab {
  const made = new Lab(1, writeDelay);
  made.attach("net", IPAM);
  made.startController();
  return made;
}

test("a node asks for its slice when it needs one; two nodes never get the same", async () => {
  const cluster = lab();
  for (const node of ["node-a", "node-b"]) cluster.join(node);
  expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
  expect(shown(await cluster.add("node-b", "p2", NET))).toBe("10.5.0.17");
  expect(shown(await cluster.add("node-a", "p3", NET))).toBe("10.5.0.2");
  expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
  await cluster.clock.until(() => cluster.entries().length === 3, 5_000);
  expect(cluster.slices()).toHaveLength(2);
});

test("a full slice is followed by another, and a full range is told at once", async () => {
  const cluster = lab();
  cluster.attach("small", { range: "10.9.0.0/27", node_slice_size: "/28" });
  cluster.join("node-a");
  const small: Want = { network: "small", range: "10.9.0.0/27", prefix: 28 };
  const given = new Set<string>();
  for (let pod = 0; pod < 28; pod++) given.add(shown(await cluster.add("node-a", `p${pod}`, small)));
  expect(given.size).toBe(28);
  const started = cluster.clock.elapsed();
  expect(shown(await cluster.add("node-a", "one-more", small))).toBe("slices_exhausted");
  expect(cluster.clock.elapsed() - started).toBeLessThan(500);
  const figures = cluster.store("node-a").sliceFigures();
  expect(figures?.uses).toMatchObject([{ pool: "small", node: "node-a", total: 28n, used: 28n }]);
  expect(figures?.exhausted.get("small")).toBe(1);
  await cluster.clock.advance(1_000);
  expect(cluster.events()).toContain("SlicesExhausted small");
  expect(await cluster.del("node-a", "p7")).toBe(true);
  expect(shown(await cluster.add("node-a", "one-more", small))).toBe("10.9.0.8");
});

test("both families of a network have slices of their own, which honour what each range leaves out", async () => {
  const cluster = lab();
  const ipRanges = [
    { range: "10.7.0.0/26", exclude: ["10.7.0.0/30"], gateway: "10.7.0.17" },
    { range: "fd00:7::/122", range_start: "fd00:7::2" },
  ];
  cluster.attach("dual", { ipRanges, node_slice_size: "/28", network_name: "dual" });
  const dual: Want = { network: "dual", networkName: "dual", range: "10.7.0.4-10.7.0.16/26", prefix: 28 };
  const second = { range: "fd00:7::2-fd00:7::3f/122", prefix: 124 };
  for (const node of ["node-a", "node-b"]) cluster.join(node);
  expect(shown(await cluster.add("node-a", "p1", { ...dual, second }))).toBe("10.7.0.4 fd00:7::2");
  expect(shown(await cluster.add("node-b", "p2", { ...dual, range: "10.7.0.18-10.7.0.62/26", second }))).toBe(
    "10.7.0.18 fd00:7::11",
  );
  expect(cluster.slicePools().map(({ name }) => name)).toEqual(["dual", "dual-fd00-7---122", "net"]);
  await cluster.clock.until(() => cluster.reservations().length === 4, 5_000);
  expect(cluster.reservations()).toContain("dual-fd00-7--11");
  // Nothing is kept of one family if the other has nothing to give.
  const full = { range: "fd00:7::2-fd00:7::2/122", prefix: 124 };
  const refused = await cluster.add("node-a", "p3", { ...dual, second: full });
  expect(refused.ok && refused.value.kind).toBe("refused");
  expect(
    cluster
      .store("node-a")
      .sliceFigures()
      ?.uses.map(({ used }) => used),
  ).toEqual([1n, 1n]);
});

test("without a controller an ADD says so, and gets its slice once there is one", async () => {
  const cluster = new Lab();
  cluster.attach("net", IPAM);
  cluster.join("node-a");
  expect(shown(await cluster.add("node-a", "p1", NET))).toBe("store_no_slice");
  cluster.startController();
  expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
});

test("with the API server away a node adds and deletes in its slice, and writes it when the server is back", async () => {
  const cluster = lab();
  cluster.join("node-a");
  await cluster.add("node-a", "p1", NET);
  cluster.cutOff("node-a");
  const started = cluster.clock.elapsed();
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.2");
  expect(await cluster.del("node-a", "p1")).toBe(true);
  expect(cluster.clock.elapsed() - started).toBeLessThan(50);
  cluster.heal("node-a");
  await cluster.clock.until(
    () => cluster.entries().join().endsWith("default/p2") && cluster.entries().length === 1,
  );
});

test("a killed agent loses nothing that it answered, with the API server away or not", async () => {
  const cluster = lab(60_000);
  cluster.join("node-a");
  await cluster.add("node-a", "p1", NET);
  await cluster.add("node-a", "p2", NET);
  cluster.kill("node-a");
  cluster.cutOff("node-a");
  expect(shown(await cluster.add("node-a", "p3", NET))).toBe("10.5.0.3");
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.2");
  cluster.heal("node-a");
  await cluster.clock.until(() => cluster.entries().length === 3);
});

test("an agent that was restarted says of each sandbox what the node knows, though the API server does not yet", async () => {
  const cluster = lab(60_000);
  cluster.join("node-a");
  const holds = async (pod: string) => {
    const attachment = { sandbox: `sandbox-${pod}`, ifname: "net1" };
    const claims = await cluster.clock.run(cluster.store("node-a").claims({ attachment }));
    return claims.ok ? claims.value.length : claims.error.code;
  };
  await cluster.add("node-a", "gone", NET);
  await cluster.clock.until(() => cluster.entries().length === 1, 120_000);
  await cluster.add("node-a", "there", NET);
  await cluster.del("node-a", "gone");
  cluster.kill("node-a");
  expect(await holds("there")).toBe(1);
  expect(await holds("gone")).toBe(0);
});

test("a node that lost its disk learns from the API server what its slice holds, and serves no earlier", async () => {
  const cluster = lab();
  cluster.join("node-a");
  await cluster.add("node-a", "p1", NET);
  await cluster.clock.until(() => cluster.entries().length === 1, 5_000);
  cluster.kill("node-a");
  cluster.disks.delete("node-a");
  cluster.cutOff("node-a");
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("store_unavailable");
  cluster.heal("node-a");
  await cluster.clock.advance(60_000);
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.2");
});

test("a full disk: nothing is given that could be forgotten", async () => {
  const cluster = lab();
  cluster.join("node-a");
  await cluster.add("node-a", "p1", NET);
  const disk = cluster.disks.get("node-a");
  if (!disk) throw new Error("no disk");
  disk.full = true;
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("store_unavailable");
  disk.full = false;
  expect(shown(await cluster.add("node-a", "p3", NET))).toBe("10.5.0.2");
});

test("a node cut off for more than an hour gives nothing any more", async () => {
  const cluster = lab();
  cluster.join("node-a");
  await cluster.add("node-a", "p1", NET);
  cluster.cutOff("node-a");
  await cluster.clock.advance(61 * 60_000);
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("store_fenced");
});

test("an attachment that cannot be read keeps no other from its slices", async () => {
  const cluster = lab();
  cluster.attach("broken", { range: "10.7.0.0/33", node_slice_size: "/28" });
  cluster.attach("other", { range: "10.8.0.0/24", node_slice_size: "28" });
  cluster.join("node-a");
  expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
  const other: Want = { network: "other", range: "10.8.0.0/24", prefix: 28 };
  expect(shown(await cluster.add("node-a", "p2", other))).toBe("10.8.0.1");
});

test("written through, the API server has it before the answer", async () => {
  const cluster = lab(0);
  cluster.join("node-a");
  await cluster.add("node-a", "p1", NET);
  expect(cluster.entries()).toHaveLength(1);
  cluster.cutOff("node-a");
  expect(shown(await cluster.add("node-a", "p2", NET))).toBe("store_unavailable");
});

describe("beside a pool without slices", () => {
  const PLAIN: Want = { network: "plain", range: NET.range };

  test("who allocates without slices leaves those of other nodes alone, written or not", async () => {
    const cluster = lab(60_000);
    for (const node of ["node-a", "node-b"]) cluster.join(node);
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    expect(cluster.entries()).toEqual([]);
    expect(shown(await cluster.add("node-b", "p2", PLAIN))).toBe("10.5.0.16");
    expect(shown(await cluster.add("node-b", "p3", PLAIN))).toBe("10.5.0.17");
    // As it asks for this very one.
    expect(shown(await cluster.add("node-b", "p4", { ...PLAIN, address: "10.5.0.9" }))).toBe("address_taken");
  });

  test("one whose watch hangs finds the slices out before it answers", async () => {
    const cluster = lab(60_000);
    for (const node of ["node-a", "node-b"]) cluster.join(node);
    cluster.double.faults.plant(
      { client: "node-b#0", verb: "watch", resource: "nodeslicepools" },
      { do: "hang" },
    );
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    expect(shown(await cluster.add("node-b", "p2", PLAIN))).toBe("10.5.0.16");
    expect(cluster.reservations()).toEqual(["10.5.0.16"]);
  });

  test("no slice is cut where an address is held, and the pool of a node that lost its slice counts too", async () => {
    const cluster = lab();
    for (const node of ["node-a", "node-b"]) cluster.join(node);
    expect(shown(await cluster.add("node-b", "p1", PLAIN))).toBe("10.5.0.1");
    cluster.seedPool("node-b-10.5.0.16-28", "10.5.0.16/28", "5", { podref: "default/old", node: "node-b" });
    await cluster.clock.advance(100);
    expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.33");
    expect(shown(await cluster.add("node-b", "p3", NET))).toBe("10.5.0.17");
  });

  test("a range of which every part holds an address is told as exhausted at once", async () => {
    const cluster = lab();
    cluster.attach("tiny", { range: "10.9.0.0/28", node_slice_size: "/28" });
    cluster.join("node-a");
    await cluster.add("node-a", "p1", { network: "plain", range: "10.9.0.0/28" });
    const tiny: Want = { network: "tiny", range: "10.9.0.0/28", prefix: 28 };
    const started = cluster.clock.elapsed();
    expect(shown(await cluster.add("node-a", "p2", tiny))).toBe("slices_exhausted");
    expect(cluster.clock.elapsed() - started).toBeLessThan(500);
  });

  test("an owner of a slice gives no address that others hold in it, with a reservation or without", async () => {
    const cluster = lab();
    cluster.join("node-a");
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    cluster.seedPool("10.5.0.0-20", "10.5.0.0/20", "2", { podref: "default/go" });
    cluster.seedReservation("10.5.0.3", "default/other");
    await cluster.clock.advance(100);
    expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.4");
  });

  test("an address that another has taken all the same is told on the pod", async () => {
    const cluster = lab(5_000);
    cluster.join("node-a");
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    cluster.seedReservation("10.5.0.1", "default/other");
    await cluster.clock.advance(10_000);
    expect(cluster.events()).toContain("AddressConflict p1");
    expect(cluster.store("node-a").sliceFigures()?.conflicts).toBe(1);
  });
});

test("a slice that comes while an ADD is planned is used only once the disk says that it is the node's", async () => {
  const cluster = new Lab(1, 1_000);
  cluster.attach("net", { range: "10.5.0.0/24", node_slice_size: "/28" });
  cluster.join("node-a");
  const api = cluster.client("admin");
  const metadata = { name: "net", namespace: NAMESPACE };
  const pool = { apiVersion: apiVersionOf(NODE_SLICE_POOLS), kind: NODE_SLICE_POOLS.kind, metadata };
  const spec = { range: "10.5.0.0/24", sliceSize: "/28" };
  await cluster.clock.run(api.create(NODE_SLICE_POOLS, { ...pool, spec, status: { allocations: [] } }));
  const status = { allocations: [{ nodeName: "node-a", sliceRange: "10.5.0.0/28" }] };
  const give = () => api.patch(NODE_SLICE_POOLS, metadata, { type: "merge", patch: { status } });
  const disk = () => cluster.disks.get("node-a");
  // Between writing down which slices it has and planning it lets others join, and a busy machine makes that turn a long one.
  const { after } = cluster.clock;
  let isGiven = false;
  cluster.clock.after = (ms, run) => {
    const isTurn = ms === 0 && !isGiven && disk() !== undefined;
    if (isTurn) {
      isGiven = true;
      void give();
    }
    return after.call(cluster.clock, isTurn ? 50 : ms, run);
  };
  const started = cluster.clock.elapsed();
  const want = { network: "net", range: "10.5.0.0/24", prefix: 28 };
  expect(shown(await cluster.add("node-a", "p1", want))).toBe("10.5.0.1");
  expect(isGiven).toBe(true);
  expect(disk()?.orphans).toEqual([]);
  expect(cluster.clock.elapsed() - started).toBeLessThan(200);
});
