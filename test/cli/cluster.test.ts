import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { ATTACHMENTS, EVENTS, PODS } from "../../src/kube/objects.ts";
import { writeShard } from "../../src/reconciler/history/shards.ts";
import { acquire, summary } from "../../src/store/contract.ts";
import { openCluster } from "../../src/store/kubernetes/cluster.ts";
import { openStore } from "../../src/store/open.ts";
import { ClusterFacts } from "../../src/web/cluster.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

let server: RunningApiServer;
const choice = () => ({ kind: "kubernetes", kubeconfig: server.kubeconfigPath }) as const;

function client() {
  const opened = openCluster(choice(), systemClock);
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

/** `berth` against the cluster; the store and the double live in this process, so it must not be blocked. */
async function berth(...args: string[]) {
  const child = Bun.spawn([process.execPath, MAIN, ...args, "--kubeconfig", server.kubeconfigPath], {
    env: { PATH: process.env.PATH ?? "", HOME: server.folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, stdout, stderr };
}

beforeAll(async () => {
  server = await startApiServer({ tls: true });
  const api = client();
  const config = JSON.stringify({
    cniVersion: "1.0.0",
    name: "storage",
    type: "macvlan",
    ipam: { type: "whereabouts", range: "10.70.0.0/24", gateway: "10.70.0.1" },
  });
  const made = await api.create(ATTACHMENTS, {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "storage", namespace: "default" },
    spec: { config },
  });
  if (!made.ok) throw new Error(made.error.message);
  api.close();
  const store = openStore(choice(), { patience: 10_000 });
  if (!store.ok) throw new Error(store.error.message);
  const given = await store.value.commit([
    acquire("10.70.0.2-10.70.0.254/24", { pod: "a", network: "storage" }),
    acquire("10.70.0.2-10.70.0.254/24", { pod: "b", network: "storage" }),
  ]);
  if (!given.ok) throw new Error(given.error.message);
  store.value.close();
});
afterAll(() => server?.stop());

test("pools, show, explain and check of a cluster", async () => {
  expect((await berth("pools")).stdout).toMatch(/10\.70\.0\.0\/24 +254 +2 +252/);
  expect((await berth("show", "10.70.0.3")).stdout).toContain("default/b");
  const explained = await berth("explain", "default/storage");
  expect(explained.stdout).toContain("next       10.70.0.4, the lowest that is free: 2 before it are held");
  expect((await berth("explain", "a")).stdout).toContain("10.70.0.2  default/a net1");
  const checked = await berth("check");
  expect(checked.exit).toBe(0); // warnings only
  expect(checked.stdout).toContain("10.70.0.2 of 10.70.0.0-24 is recorded for default/a: the pod is gone");
  expect(checked.stdout).toContain("10.70.0.3 of 10.70.0.0-24 is recorded for default/b: the pod is gone");
});

test("a reservation on the objects of whereabouts: respected by pods, with an empty podref, and given back", async () => {
  const args = ["reserve", "10.70.0.4", "--reason", "router", "--owner", "ops", "--yes"];
  expect(await berth(...args)).toMatchObject({ exit: 0, stderr: "" });
  const [record] = JSON.parse((await berth("show", "10.70.0.4", "-o", "json")).stdout);
  expect(record).toMatchObject({ pod: "", reserved: { by: "ops", reason: "router" } });
  const store = openStore(choice(), { patience: 10_000 });
  if (!store.ok) throw new Error(store.error.message);
  const given = await store.value.commit([acquire("10.70.0.2-10.70.0.254/24", { pod: "c" })]);
  expect(given.ok && summary(given.value[0])).toBe("10.70.0.5");
  store.value.close();
  expect((await berth("release", "10.70.0.4", "--yes")).stdout).toContain(
    "Released from a reservation of ops",
  );
  expect((await berth("show", "10.70.0.4")).stdout).toContain("held by nobody");
});

test("history of a cluster: what the reconciler took down, and what is held now", async () => {
  const api = client();
  const holding = {
    address: "10.70.0.2",
    pod: "default/before",
    interface: "net1",
    node: "node-z",
    pool: "10.70.0.0/24",
    networkName: "",
    sandbox: "s",
    from: new Date(Date.now() - 7_200_000).toISOString(),
    until: new Date(Date.now() - 3_600_000).toISOString(),
  };
  const written = await writeShard(api, { sequence: 0, holdings: [holding] });
  if (!written.ok) throw new Error(written.error.message);
  api.close();
  const told = async (...args: string[]) => {
    const { exit, stdout, stderr } = await berth("history", ...args, "-o", "json");
    const pods = JSON.parse(stdout).map(({ pod, until }: { pod: string; until?: string }) => [pod, until]);
    return { exit, stderr, pods };
  };
  const both = [
    ["default/a", undefined],
    ["default/before", holding.until],
  ];
  expect(await told("10.70.0.2")).toEqual({ exit: 0, stderr: "", pods: both.toReversed() });
  const then = new Date(Date.now() - 5_000_000).toISOString();
  expect((await told("10.70.0.2", "--at", then)).pods).toContainEqual(["default/before", holding.until]);
  expect((await told("before")).pods).toEqual([["default/before", holding.until]]);
  expect((await berth("history", "nobody")).stdout).toBe("Nothing is known of nobody.\n");
});

test("explain of a pod that does not start: its events, and what a new one would get", async () => {
  const api = client();
  const annotations = { "k8s.v1.cni.cncf.io/networks": "storage, other/bridge@net7" };
  const metadata = { name: "stuck", namespace: "default", annotations };
  const pod = { apiVersion: "v1", kind: "Pod", metadata };
  const made = await api.create(PODS, {
    ...pod,
    spec: { containers: [{ name: "c", image: "i" }] },
  } as typeof pod);
  const event = (reason: string, message: string) =>
    api.create(EVENTS, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `stuck.${reason.toLowerCase()}`, namespace: "default" },
      involvedObject: { kind: "Pod", namespace: "default", name: "stuck" },
      type: "Warning",
      reason,
      message,
      count: 4,
      lastTimestamp: "2030-01-01T10:00:00Z",
      source: { component: "berth-agent" },
    });
  const told = await event("AddressAllocationFailed", "default/stuck: no address for net1: all are held");
  const other = await event("BackOff", "the image cannot be pulled");
  for (const answer of [made, told, other]) if (!answer.ok) throw new Error(answer.error.message);
  api.close();
  const { exit, stdout } = await berth("explain", "stuck", "--socket", "/nonexistent");
  expect(exit).toBe(0);
  expect(stdout).toContain("stuck holds no address.");
  expect(stdout).toContain(
    "2030-01-01T10:00:00Z  AddressAllocationFailed 4 times, says berth-agent: default/stuck: no address for net1",
  );
  expect(stdout).not.toContain("BackOff");
  expect(stdout).toMatch(/A new pod with the same networks: default\/storage: .*\n.*\n +next +10\.70\.0\.\d/);
  expect(stdout).toContain("other/bridge: no attachment with whereabouts");
  const data = JSON.parse((await berth("explain", "stuck", "--socket", "/nonexistent", "-o", "json")).stdout);
  expect(data).toMatchObject({
    holds: [],
    failures: [],
    events: [{ count: 4, reason: "AddressAllocationFailed" }],
    asksFor: [{ label: "default/storage" }, { label: "other/bridge", whereabouts: false }],
  });
});

test("the page knows the networks of attachments, and which pods are gone", async () => {
  const api = client();
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "default" } };
  const made = await api.create(PODS, {
    ...pod,
    spec: { containers: [{ name: "c", image: "i" }] },
  } as typeof pod);
  if (!made.ok) throw new Error(made.error.message);
  const facts = new ClusterFacts(client(), systemClock, () => undefined);
  await facts.start();
  const store = openStore(choice(), { patience: 10_000 });
  if (!store.ok) throw new Error(store.error.message);
  const claims = await store.value.claims({});
  if (!claims.ok) throw new Error(claims.error.message);
  const gone = claims.value.filter(facts.isGone).map(({ owner }) => owner.pod.name);
  expect(gone).toEqual(["b", "c"]);
  const address = parseAddress("10.70.0.2");
  if (!address.ok) throw new Error("a constant");
  expect((await facts.history(address.value)).map(({ pod }) => pod)).toEqual(["default/before"]);
  expect((await facts.networks()).map(({ label }) => label)).toEqual(["default/storage"]);
  await facts.stop();
  store.value.close();
  api.close();
});
