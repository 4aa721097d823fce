import { describe, expect, test } from "bun:test";
import { ACCEPTED } from "../../src/controller/plan.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { NODE_SLICE_POOLS } from "../../src/kube/objects.ts";
import { IDLE } from "../../src/store/kubernetes/slices/returns.ts";
import { Lab, shown, type Want } from "./lab.ts";

const NET: Want = { network: "net", range: "10.5.0.0/24", prefix: 28 };
const IPAM = { range: NET.range, node_slice_size: "/28" };

function lab(writeDelay = 1_000): Lab {
  const made = new Lab(1, writeDelay);
  made.attach("net", IPAM);
  made.startController();
  for (const node of ["node-a", "node-b"]) made.join(node);
  return made;
}

/** All objects of the kind, requests too: none may be left behind. */
function objects({ double }: Lab): string[] {
  return double.objects(NODE_SLICE_POOLS).map(({ metadata }) => (metadata as { name: string }).name);
}

describe("slices of living nodes", () => {
  test("an empty one is returned after a while, one in use stays, and the next pod gets one again", async () => {
    const cluster = lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.add("node-b", "p2", NET);
    await cluster.del("node-a", "p1");
    await cluster.clock.advance(IDLE - 60_000);
    expect(cluster.slices()).toHaveLength(2);
    await cluster.clock.advance(300_000);
    expect(cluster.slices()).toEqual([expect.stringContaining("node-b")]);
    expect(objects(cluster)).toEqual(["net"]);
    expect(cluster.disks.get("node-a")?.grants).toEqual([]);
    expect(shown(await cluster.add("node-a", "p3", NET))).toBe("10.5.0.1");
    await cluster.clock.advance(5_000);
    expect(cluster.entries()).toHaveLength(2);
  });

  test("a node that returns a slice gives nothing of it, though the controller has not heard of it yet", async () => {
    const cluster = lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.del("node-a", "p1");
    await cluster.clock.advance(5_000);
    cluster.stopController();
    await cluster.clock.advance(IDLE + 120_000);
    cluster.kill("node-a");
    // Its disk says so; and where the disk is lost, its word at the API server does.
    for (const loses of [false, true]) {
      if (loses) cluster.disks.delete("node-a");
      expect(shown(await cluster.add("node-a", "p2", NET))).toBe("store_no_slice");
      cluster.kill("node-a");
    }
    cluster.startController();
    expect(shown(await cluster.add("node-a", "p3", NET))).toBe("10.5.0.17");
    expect(shown(await cluster.add("node-b", "p4", NET))).toBe("10.5.0.1");
  });
});

describe("attachments that change", () => {
  test("the NodeSlicePool of a deleted one goes within seconds once nothing is held, and comes back with it", async () => {
    const cluster = lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.add("node-b", "p2", NET);
    await cluster.detach("net");
    await cluster.clock.advance(120_000);
    expect(cluster.slices()).toHaveLength(2);
    await cluster.del("node-a", "p1");
    await cluster.clock.advance(70_000);
    expect(cluster.slices()).toEqual([expect.stringContaining("node-b")]);
    await cluster.del("node-b", "p2");
    await cluster.clock.advance(70_000);
    expect(objects(cluster)).toEqual([]);
    cluster.attach("net", IPAM);
    expect(shown(await cluster.add("node-b", "p3", NET))).toBe("10.5.0.1");
  });

  test("one that is deleted and written anew at once loses nothing", async () => {
    const cluster = lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.del("node-a", "p1");
    await cluster.detach("net");
    await cluster.clock.advance(5_000);
    cluster.attach("net", IPAM);
    await cluster.clock.advance(60_000);
    expect(cluster.slices()).toHaveLength(1);
  });

  test("a slice that two attachments share stays with the one that is left", async () => {
    const cluster = lab();
    cluster.attach("twin", IPAM);
    const twin: Want = { ...NET, network: "twin" };
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    expect(shown(await cluster.add("node-a", "p2", twin))).toBe("10.5.0.2");
    await cluster.detach("net");
    await cluster.del("node-a", "p1");
    await cluster.clock.advance(120_000);
    expect(objects(cluster)).toEqual(["twin"]);
    expect(shown(await cluster.add("node-a", "p3", twin))).toBe("10.5.0.1");
  });

  test("another size is honoured as a whole once nothing is held, and until then refused aloud", async () => {
    const cluster = lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.clock.advance(2_000);
    await cluster.edit("net", { ...IPAM, node_slice_size: "/27" });
    await cluster.clock.advance(30_000);
    const refused = cluster.slicePools()[0];
    expect(refused?.prefix).toBe(28);
    expect(refused?.object.status?.conditions).toMatchObject([{ type: ACCEPTED, status: "False" }]);
    expect(cluster.events()).toContain("SliceSizeRefused net");
    // Meanwhile the old one serves, other nodes too.
    expect(shown(await cluster.add("node-b", "p2", NET))).toBe("10.5.0.17");
    await cluster.del("node-a", "p1");
    await cluster.del("node-b", "p2");
    await cluster.clock.advance(70_000);
    const honoured = cluster.slicePools()[0];
    expect(honoured?.prefix).toBe(27);
    expect(honoured?.isClosing).toBe(false);
    expect(honoured?.object.status?.conditions).toMatchObject([{ type: ACCEPTED, status: "True" }]);
    expect(shown(await cluster.add("node-b", "p3", { ...NET, prefix: 27 }))).toBe("10.5.0.1");
    expect(shown(await cluster.add("node-a", "p4", { ...NET, prefix: 27 }))).toBe("10.5.0.33");
  });

  test("a node that is down keeps others waiting for another size only for a while", async () => {
    const cluster = lab();
    await cluster.add("node-a", "p1", NET);
    await cluster.del("node-a", "p1");
    await cluster.clock.advance(2_000);
    cluster.kill("node-a");
    await cluster.edit("net", { ...IPAM, node_slice_size: "/27" });
    await cluster.clock.advance(5_000);
    const want = { ...NET, prefix: 27 };
    expect(shown(await cluster.add("node-b", "p2", want))).toBe("store_no_slice");
    await cluster.clock.advance(120_000);
    expect(shown(await cluster.add("node-b", "p2", want))).toBe("10.5.0.17");
    expect(cluster.slicePools()[0]?.object.status?.conditions).toMatchObject([
      { type: ACCEPTED, status: "False" },
    ]);
  });
});

describe("processes that end", () => {
  test("one that lost its disk keeps what the API server does not know and its sandboxes do", async () => {
    const cluster = lab(60_000);
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    cluster.kill("node-a");
    cluster.disks.delete("node-a");
    const address = parseAddress("10.5.0.1");
    if (!address.ok) throw new Error("address");
    const p1 = {
      id: "sandbox-p1",
      ifname: "net1",
      network: "net",
      networkName: "",
      pod: { namespace: "default", name: "p1", uid: "uid-p1" },
      addresses: [address.value],
    };
    cluster.sandboxes.set("node-a", [p1, { ...p1, id: "other", networkName: "blue" }]);
    expect(shown(await cluster.add("node-a", "p2", NET))).toBe("10.5.0.2");
    expect(shown(await cluster.add("node-a", "p1", NET))).toBe("10.5.0.1");
    await cluster.clock.advance(70_000);
    expect(cluster.entries().map((entry) => entry.split(" ")[1])).toEqual(["default/p1", "default/p2"]);
  });

  test("one that is started again writes what it had answered, without any call", async () => {
    const cluster = lab(5_000);
    await cluster.add("node-a", "p1", NET);
    cluster.kill("node-a");
    expect(cluster.entries()).toEqual([]);
    cluster.store("node-a");
    await cluster.clock.advance(10_000);
    expect(cluster.entries()).toHaveLength(1);
  });
});
