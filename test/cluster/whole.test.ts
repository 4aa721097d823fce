import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { KubeClient } from "../../src/kube/api.ts";
import { connect } from "../../src/kube/connect.ts";
import { loadKubeconfig } from "../../src/kube/kubeconfig.ts";
import { ATTACHMENTS, IP_POOLS, NETWORKS, NODE_SLICE_POOLS, RESERVATIONS } from "../../src/kube/objects.ts";
import { BERTH, until } from "../agent/agent.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";
import { MAIN_PLUGINS } from "../system/plugin.ts";
import { BRIDGE, Kubelet, must } from "./kubelet.ts";
import { linesOf, Part } from "./part.ts";

/**
 * All executables of Berth together on one API server. The test is administrator, kubelet and container runtime; pods are network
 * namespaces, attached by the bridge plugin with the configuration that the operator has made.
 */
function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "not root, and pods need network namespaces";
  if (!existsSync(join(MAIN_PLUGINS, "bridge"))) return `no plugins in ${MAIN_PLUGINS}`;
  if (Bun.which("ip") === null || Bun.which("ping") === null) return "ip or ping is missing";
  return undefined;
}

const why = missing();
if (why !== undefined) console.log(`test/cluster/whole.test.ts: left out, ${why}`);

const NETWORK = { name: "cluster" };

describe.skipIf(why !== undefined)("the whole of Berth", () => {
  let server: RunningApiServer;
  let admin: KubeClient;
  let folder: string;
  let parts: Part[] = [];
  const nodes: Kubelet[] = [];

  beforeAll(async () => {
    server = await startApiServer({ crds: "berth", namespaces: ["berth"] });
    folder = mkdtempSync(join(tmpdir(), "berth-whole-"));
    const connection = loadKubeconfig(server.kubeconfigPath, { clock: systemClock });
    if (!connection.ok) throw new Error(connection.error.message);
    admin = connect(connection.value, systemClock);
    const cluster = ["--kubeconfig", server.kubeconfigPath];
    parts = [
      new Part(folder, "operator", [...cluster, "--namespace", "berth"]),
      new Part(folder, "controller", cluster),
      new Part(folder, "reconciler", [...cluster, "--grace", "1s", "--schedule-dir", join(folder, "none")]),
    ];
  }, 60_000);

  afterAll(async () => {
    for (const { child } of parts) child.kill("SIGKILL");
    await Promise.all(parts.map(({ child }) => child.exited));
    for (const node of nodes) await node.dispose();
    admin.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const joined = async (name: string): Promise<Kubelet> => {
    const node = new Kubelet(admin, server.transport, name);
    const [other] = nodes;
    nodes.push(node);
    return node.join(other);
  };

  const edit = (additionalNetworks: readonly object[]) =>
    must(admin.patch(NETWORKS, NETWORK, { type: "merge", patch: { spec: { additionalNetworks } } }));

  /** The configuration of an attachment; undefined while there is none. */
  const netconfOf = async (name: string): Promise<string | undefined> => {
    const { items } = await must(admin.list(ATTACHMENTS));
    return items.find(({ metadata }) => metadata.name === name)?.spec?.config;
  };

  /** What the cluster has recorded: `pod` of each allocation and each reservation, sorted. */
  const held = async (): Promise<string[]> => {
    const pools = await must(admin.list(IP_POOLS));
    const reservations = await must(admin.list(RESERVATIONS));
    const allocations = pools.items.flatMap(({ spec }) => Object.values(spec.allocations ?? {}));
    return [...allocations, ...reservations.items.map(({ spec }) => spec)]
      .map(({ podref }) => podref.replace("default/", ""))
      .sort();
  };
  /** Two allocations and two reservations of each pod. */
  const untilHeld = async (...pods: string[]): Promise<void> => {
    const wanted = pods.flatMap((pod) => [pod, pod, pod, pod]).sort();
    await until(`held by ${pods}`, async () => Bun.deepEquals(await held(), wanted), 20_000);
  };

  const berth = async (...args: string[]): Promise<{ exit: number; text: string }> => {
    const command = [BERTH, ...args, "--kubeconfig", server.kubeconfigPath];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
    return { text: await new Response(child.stdout).text(), exit: await child.exited };
  };

  const raw = (name: string, ipam: object) => ({
    name,
    type: "Raw",
    rawCNIConfig: JSON.stringify({
      cniVersion: "1.0.0",
      name,
      type: "bridge",
      bridge: BRIDGE,
      ipam: { type: "whereabouts", kubernetes: { kubeconfig: server.kubeconfigPath }, ...ipam },
    }),
  });
  const storage = () => raw("storage", { ipRanges: [{ range: "10.61.0.0/24" }, { range: "fd61::/64" }] });
  const fast = () => raw("fast", { range: "10.62.0.0/24", node_slice_size: "/28" });

  test("attachments, pods, crashes, nodes that leave and join, bad entries, and an end that leaves nothing", async () => {
    const kind = { apiVersion: "operator.openshift.io/v1", kind: "Network" };
    await must(
      admin.create(NETWORKS, { ...kind, metadata: NETWORK, spec: { additionalNetworks: [storage()] } }),
    );
    await until("the attachment", async () => (await netconfOf("storage")) !== undefined, 20_000);
    const netconf = (await netconfOf("storage")) ?? "";
    const nodeA = await joined("node-a");
    const nodeB = await joined("node-b");

    // Two pods start on each node at the same time.
    const given = await Promise.all([
      nodeA.run("a1", netconf),
      nodeB.run("b1", netconf),
      nodeA.run("a2", netconf),
      nodeB.run("b2", netconf),
    ]);
    // Who loses a race against the other node goes ahead for some seconds, so that not all are the lowest.
    const somePair = [expect.stringMatching(/^10\.61\.0\.\d+$/), expect.stringMatching(/^fd61::[0-9a-f]+$/)];
    for (const one of given) expect(one).toEqual(somePair);
    expect(new Set(given.flat()).size).toBe(8);
    await untilHeld("a1", "a2", "b1", "b2");
    for (const address of [...(given[1] ?? []), ...(given[2] ?? [])])
      expect(await nodeA.lab.ping("a1", address)).toContain("ms");

    // What people ask of this cluster is answered with a table.
    const asked = await Promise.all([
      berth("pools"),
      berth("show"),
      berth("nodes"),
      berth("top", "pods"),
      berth("check"),
      berth("explain", "default/a1"),
    ]);
    const words = ["10.61.0.0/24", "default/b2", "node-b", "default/a2", "", "10.61.0."];
    for (const [index, { exit, text }] of asked.entries()) {
      expect(exit, text).toBe(0);
      expect(text).toContain(words[index] ?? "");
    }

    await nodeA.end("a1", netconf);
    await untilHeld("a2", "b1", "b2");
    expect(nodeA.lab.linksOf(nodeA.lab.pod("a1").name)).not.toContain("net1");
    await nodeA.forget("a2"); // the reconciler's to collect
    await untilHeld("b1", "b2");

    // An entry that is broken says so, and is alone in it.
    await edit([storage(), { name: "broken", type: "Raw", rawCNIConfig: "{" }]);
    await until("the condition", async () => {
      const { status } = Object(await must(admin.get(NETWORKS, NETWORK)));
      return JSON.stringify(status?.conditions ?? []).includes("additionalNetworks[1].rawCNIConfig");
    });
    expect([await netconfOf("storage"), await netconfOf("broken")]).toEqual([netconf, undefined]);

    // A node is lost: its pods go from the API, and nobody detaches them. Another takes its place.
    await nodeB.leave();
    await nodeB.forget("b1");
    await nodeB.forget("b2");
    const nodeC = await joined("node-c");
    await untilHeld();
    expect(await nodeC.run("c1", netconf)).toEqual(["10.61.0.1", "fd61::1"]);
    expect(await nodeC.run("c2", netconf)).toEqual(["10.61.0.2", "fd61::2"]);
    await nodeC.end("c2", netconf);
    const pair = await nodeA.run("a3", netconf);
    expect(pair).toEqual(somePair);
    for (const address of ["10.61.0.1", "fd61::1"])
      expect(await nodeA.lab.ping("a3", address)).toContain("ms");

    // Slices: the controller gives each node its own part of the range.
    await edit([storage(), fast()]);
    await until("the second attachment", async () => (await netconfOf("fast")) !== undefined);
    const sliced = (await netconfOf("fast")) ?? "";
    const [f1] = await nodeA.run("f1", sliced);
    const [f2] = await nodeC.run("f2", sliced);
    const sliceOf = (address = "") => Number(address.split(".")[3]) >> 4;
    expect(sliceOf(f1)).not.toBe(sliceOf(f2));
    expect(await nodeA.lab.ping("f1", f2 ?? "")).toContain("ms");
    await nodeA.end("f1", sliced);
    await nodeC.end("f2", sliced);

    // The entry goes, and its attachment; pods that run are detached with what they were attached with.
    await edit([]);
    await until("the attachment is gone", async () => (await netconfOf("storage")) === undefined, 20_000);
    // Its slices come back from the nodes, and what said whose they were goes with the last one.
    await until(
      "the NodeSlicePool is gone",
      async () => (await must(admin.list(NODE_SLICE_POOLS))).items.length === 0,
      40_000,
    );
    await nodeC.end("c1", netconf);
    await nodeA.end("a3", netconf);
    await untilHeld();

    const decision = linesOf(nodeA.agent.log()).find(
      ({ pod, verb }) => pod === "default/a3" && verb === "ADD",
    );
    expect(decision).toMatchObject({
      ifname: "net1",
      pool: "10.61.0.0/24 fd61::/64",
      address: pair.join(" "),
      ms: expect.any(Number),
    });
    for (const part of parts) expect([part.name, await part.stop()]).toEqual([part.name, 0]);
    for (const part of parts) expect(linesOf(part.log()).length).toBeGreaterThan(0);
    for (const { agent } of [nodeA, nodeC]) {
      expect(await agent.signal("SIGTERM")).toBe(0);
      expect(existsSync(agent.socket)).toBe(false);
    }
    expect(nodeA.lab.linksOf(nodeA.lab.pod("a3").name)).not.toContain("net1");
    for (const node of nodes.splice(0)) {
      await node.dispose();
      for (const path of [node.agent.folder, `/run/netns/${node.lab.node}`])
        expect(existsSync(path)).toBe(false);
    }
  }, 120_000);
});
