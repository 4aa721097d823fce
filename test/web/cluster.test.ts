import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Claim } from "../../src/allocation/claim.ts";
import { systemClock } from "../../src/clock.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { apiVersionOf, PODS } from "../../src/kube/objects.ts";
import { acquire } from "../../src/store/contract.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import { ClusterFacts } from "../../src/web/cluster.ts";
import { KeyDoor } from "../../src/web/key-door.ts";
import { Ui } from "../../src/web/server.ts";
import { until } from "../agent/agent.ts";
import { Double } from "../apiserver/double.ts";

const KEY = { authorization: "Bearer key" };
const log = () => undefined;

/** The page over the objects of a cluster. */
describe("in a cluster", () => {
  let double: Double;
  let facts: ClusterFacts;
  let store: KubernetesStore;
  let ui: Ui;
  const client = (name: string) =>
    new Client(double.connect({ client: name }), systemClock, { namespace: "kube-system" });
  const writer = async (...changes: Parameters<KubernetesStore["commit"]>[0]) => {
    const own = new KubernetesStore(client("agent"), {
      clock: systemClock,
      log,
      staying: false,
      patience: 5_000,
    });
    const done = await own.commit(changes);
    own.close();
    expect(done.ok).toBe(true);
  };
  const ask = async (path: string) => {
    return Object(await (await fetch(new URL(path, ui.url), { headers: KEY })).json());
  };

  /** As the page sees it. */
  const isGone = (pod: string) => {
    const { owner } = acquire("10.0.0.0/24", { pod });
    return facts.isGone({ owner } as Claim);
  };

  beforeEach(async () => {
    double = new Double({ crds: "berth" });
    store = new KubernetesStore(client("page"), { clock: systemClock, log, staying: true, patience: 5_000 });
    facts = new ClusterFacts(client("page"), systemClock, log);
    await facts.start();
    const door = new KeyDoor("key", false);
    ui = await Ui.start({ store, facts, clock: systemClock, hostname: "127.0.0.1", port: 0, door });
  });
  afterEach(async () => {
    await ui.stop();
    await facts.stop();
    store.close();
  });

  test("what Berth warned of as Events is among the problems, newest first; what others said is not", async () => {
    const pod = (name: string) => ({
      apiVersion: apiVersionOf(PODS),
      kind: "Pod",
      namespace: "default",
      name,
    });
    for (const [component, name] of [
      ["berth-agent", "web-1"],
      ["kubelet", "web-2"],
    ] as const) {
      const recorder = new EventRecorder({ client: client("agent"), clock: systemClock, log, component });
      const message = `default/${name}: all addresses of 10.0.0.0/29 are held`;
      recorder.record(pod(name), { type: "Warning", reason: "AddressAllocationFailed", message });
      await recorder.flush();
    }
    await until("told", async () => (await ask("/api/overview")).notices.length > 0);
    expect((await ask("/api/overview")).notices).toEqual([
      expect.objectContaining({
        about: "Pod default/web-1",
        reason: "AddressAllocationFailed",
        message: "default/web-1: all addresses of 10.0.0.0/29 are held",
        hint: expect.stringContaining("berth explain"),
      }),
    ]);
  });

  test("pods that are gone and still hold addresses are a problem; one that has just ended is none yet", async () => {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "ends", namespace: "default" }, spec: {} };
    double.seed(pod);
    await until("the pod is seen", () => !isGone("ends"));
    await writer(acquire("10.0.0.0/24", { pod: "ends" }), acquire("10.0.0.0/24", { pod: "gone" }));
    const problems = async (): Promise<string[]> => {
      return (await ask("/api/overview")).findings.map(({ message }: { message: string }) => message);
    };
    const gone = "pods that are gone hold an address of 10.0.0.0/24: 10.0.0.2 (default/gone)";
    await until("told", async () => (await problems()).includes(gone));
    await client("x").delete(PODS, { name: "ends", namespace: "default" });
    await until("the end is seen", () => isGone("ends"));
    await writer(acquire("10.0.0.0/24", { pod: "another" }));
    await until("told again", async () =>
      (await problems()).some((text) => text.includes("default/another")),
    );
    expect((await problems()).join()).not.toContain("default/ends");
  });

  test("pools that share addresses show what the other one holds", async () => {
    await writer(acquire("10.0.0.0/16", { pod: "wide" }), acquire("10.0.0.0/29", { pod: "narrow" }));
    await until("both pools", async () => (await ask("/api/overview")).pools.length === 2);
    const map = await ask("/api/map?pool=10.0.0.0/29@");
    expect(map.overlaps.map(({ range }: { range: string }) => range)).toEqual(["10.0.0.0/16"]);
    expect(map.cells.slice(1, 3)).toEqual([
      { address: "10.0.0.1", state: "elsewhere", note: "default/wide in 10.0.0.0/16" },
      { address: "10.0.0.2", state: "vanished", note: "default/narrow net1" }, // there are no pods here
    ]);
  });

  test("whoever follows is told of an address, an Event and a network", async () => {
    const events = await fetch(new URL("/api/events", ui.url), { headers: KEY });
    const reader = events.body?.getReader();
    if (!reader) throw new Error("no stream");
    const decoder = new TextDecoder();
    let told = 0;
    void (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read())
        told += decoder.decode(part.value).split("data: ").length - 1;
    })().catch(() => undefined); // ends with the server
    await until("the first line", () => told > 0);
    const after = async (what: string, change: () => Promise<unknown>) => {
      const before = told;
      await change();
      await until(what, () => told > before);
    };
    await after("an address", () => writer(acquire("10.0.0.0/24", { pod: "one" })));
    await after("an Event", async () => {
      const component = "berth-controller";
      const recorder = new EventRecorder({ client: client("x"), clock: systemClock, log, component });
      const about = { apiVersion: "v1", kind: "Node", name: "node-a" };
      recorder.record(about, { type: "Warning", reason: "SlicesExhausted", message: "no slice is left" });
      await recorder.flush();
    });
    await after("a network", async () => {
      const ipam = { type: "whereabouts", range: "10.0.0.0/24", gateway: "10.0.0.1" };
      double.seed({
        apiVersion: "k8s.cni.cncf.io/v1",
        kind: "NetworkAttachmentDefinition",
        metadata: { name: "storage", namespace: "default" },
        spec: { config: JSON.stringify({ cniVersion: "1.0.0", name: "storage", type: "bridge", ipam }) },
      });
    });
    await until("the network's name", async () => {
      return (await ask("/api/overview")).pools[0]?.networks.includes("default/storage");
    });
  });
});
