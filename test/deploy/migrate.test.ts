import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { Client } from "../../src/kube/client.ts";
import { ATTACHMENTS, apiVersionOf, IP_POOLS, type IPPool, RESERVATIONS } from "../../src/kube/objects.ts";
import { Turns } from "../../src/turns.ts";
import type { Double } from "../apiserver/double.ts";
import { berthCrds } from "../apiserver/manifests.ts";
import { type RunningApiServer, send, startApiServer } from "../apiserver/start.ts";
import { readCases } from "../golden/replay.ts";
import { GoWhereabouts } from "../store/go-whereabouts.ts";
import { entriesOf, reservationsOf } from "../store/ledger.ts";
import { addressesOf, call, DIST } from "../system/plugin.ts";

/**
 * docs/migrate-from-whereabouts.md as a sequence: the tests below are its steps, over and back, and run in this order. Node a is
 * moved; node b runs the Go plugin all the time, by the model of its reads and writes.
 */
const NAMESPACE = "kube-system";
const RANGE = "10.1.0.0/24";
const OLD_PLUGIN = "#!/bin/sh\necho the Go plugin\n";
const PODS = ["pod-1", "pod-2", "pod-3", "pod-4", "pod-5", "pod-6"];

const host = mkdtempSync(join(tmpdir(), "berth-migrate-"));
const binDir = join(host, "opt/cni/bin");
const plugin = join(binDir, "whereabouts");
const settings = join(host, "etc/cni/net.d/whereabouts.d");
const program = join(host, "usr/local/bin/berth");
let server: RunningApiServer;
let double: Double;
let nodeB: GoWhereabouts;

beforeAll(async () => {
  server = await startApiServer({ kind: "double" }); // with the CRDs of upstream
  if (!server.double) throw new Error("the double was asked for");
  double = server.double;
  const client = new Client(double.connect({ client: "node-b" }), systemClock, { namespace: NAMESPACE });
  nodeB = new GoWhereabouts(client, systemClock, new Turns(), true);

  for (const name of PODS) {
    const metadata = { name, namespace: "default" };
    const spec = { nodeName: "node-a", containers: [{ name: "c", image: "c" }] };
    double.seed({ apiVersion: "v1", kind: "Pod", metadata, spec });
  }
  const attachment = { name: "net", namespace: "default" };
  const config = JSON.stringify(netconf());
  double.seed({
    apiVersion: apiVersionOf(ATTACHMENTS),
    kind: ATTACHMENTS.kind,
    metadata: attachment,
    spec: { config },
  });
  const recorded = readCases("whereabouts").find(({ name }) => name === "add-second-pod");
  for (const { kind, name, spec } of recorded?.kubeObjectsAfter ?? []) {
    if (kind !== IP_POOLS.kind && kind !== RESERVATIONS.kind) continue;
    const apiVersion = apiVersionOf(IP_POOLS);
    double.seed({
      apiVersion,
      kind,
      metadata: { name: name ?? "", namespace: NAMESPACE },
      spec: { ...spec },
    });
  }

  mkdirSync(binDir, { recursive: true });
  writeFileSync(plugin, OLD_PLUGIN, { mode: 0o755 });
  // As upstream's installer leaves them.
  mkdirSync(settings, { recursive: true });
  const kubeconfig = join(settings, "whereabouts.kubeconfig");
  copyFileSync(server.kubeconfigPath, kubeconfig);
  writeFileSync(join(settings, "nodename"), "node-a\n");
  const flat = {
    datastore: "kubernetes",
    kubernetes: { kubeconfig },
    reconciler_cron_expression: "30 4 * * *",
  };
  writeFileSync(join(settings, "whereabouts.conf"), JSON.stringify(flat, null, 2));
}, 60_000);

afterAll(async () => {
  await server.stop();
  rmSync(host, { recursive: true });
});

function netconf() {
  const ipam = {
    type: "whereabouts",
    range: RANGE,
    configuration_path: join(settings, "whereabouts.conf"),
  };
  return { cniVersion: "1.0.0", name: "net", type: "bridge", ipam };
}

async function berth(...args: string[]): Promise<{ exit: number; text: string }> {
  const child = Bun.spawn([join(DIST, "berth"), ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, text: out + err };
}

function install(...more: string[]) {
  const folders = ["--bin-dir", "/opt/cni/bin", "--conf-dir", "/etc/berth", "--unit-dir", ""];
  return berth("install", "--root", host, ...folders, ...more);
}

/** A call on node a, as its runtime makes it. */
function nodeA(verb: string, pod: string, sandbox: string) {
  const env = { BERTH_BIN: program };
  return call({ verb, pod, sandbox, config: netconf(), command: [plugin], env });
}

async function addOnA(pod: string, sandbox: string): Promise<string> {
  const answer = await nodeA("ADD", pod, sandbox);
  expect(answer).toMatchObject({ exit: 0 });
  return addressesOf(answer.stdout).join();
}

async function addOnB(pod: string, id: string): Promise<string> {
  const address = await nodeB.add({ podref: `default/${pod}`, ifname: "net1", id }, RANGE);
  return address ? formatAddress(address) : "refused";
}

async function allIsWell(): Promise<void> {
  const checked = await berth("check", "--kubeconfig", server.kubeconfigPath);
  expect(checked).toEqual({ exit: 0, text: "Nothing was found.\n" });
}

const held = (address: string, pod: string, id: string) => `${address} 10.1.0.0-24 default/${pod} ${id} net1`;

test("before: lint and check find nothing in what Go wrote", async () => {
  // kubectl get net-attach-def -A -o json | berth lint -
  const path = `/apis/${apiVersionOf(ATTACHMENTS)}/network-attachment-definitions`;
  const { items } = (await send(server.transport, "GET", path)).json as { items: unknown[] };
  expect(items).toHaveLength(1);
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const lint = Bun.spawn([join(DIST, "berth"), "lint", "-"], { stdin: Buffer.from(list), stdout: "pipe" });
  expect(await new Response(lint.stdout).text()).toContain("0 errors, 0 warnings");
  expect(await lint.exited).toBe(0);
  const flat = await berth("lint", "--flat", join(settings, "whereabouts.conf"));
  expect(flat).toMatchObject({ exit: 0 });
  await allIsWell();
  const shown = await berth("show", "10.1.0.2", "--kubeconfig", server.kubeconfigPath);
  expect(shown.exit).toBe(0);
  expect(shown.text).toContain("pod-2");
});

test("the plugins are put in place, and the one of Go aside", async () => {
  const done = await install();
  expect(done.exit).toBe(0);
  expect(done.text).toContain("installed; what was there is now whereabouts.before-berth");
  expect(readFileSync(`${plugin}.before-berth`, "utf8")).toBe(OLD_PLUGIN);
  // Again, as an init container does at every start: what is aside stays Go's.
  expect((await install()).exit).toBe(0);
  expect(readFileSync(`${plugin}.before-berth`, "utf8")).toBe(OLD_PLUGIN);
}, 30_000);

test("under the CRDs of upstream: running pods keep their addresses, new ones of both nodes get others", async () => {
  expect(await addOnA("pod-1", "cid1")).toBe("10.1.0.1");
  const [three, four] = await Promise.all([addOnA("pod-3", "cid3"), addOnB("pod-4", "cid4")]);
  expect([three, four].sort()).toEqual(["10.1.0.3", "10.1.0.4"]);
  expect(entriesOf(double)).toEqual(
    [
      held("10.1.0.1", "pod-1", "cid1"),
      held("10.1.0.2", "pod-2", "cid2"),
      held(three, "pod-3", "cid3"),
      held(four, "pod-4", "cid4"),
    ].sort(),
  );
  await allIsWell();
}, 30_000);

test("a pod that Go attached is torn down by Berth: entry and reservation are gone", async () => {
  expect(await nodeA("DEL", "pod-2", "cid2")).toMatchObject({ exit: 0 });
  expect(entriesOf(double).join()).not.toContain("pod-2");
  expect(reservationsOf(double).join()).not.toContain("pod-2");
  expect(reservationsOf(double)).toHaveLength(3);
}, 30_000);

test("Berth's CRDs take the place of upstream's: the objects stay, and Berth's records name their node", async () => {
  const before = entriesOf(double);
  for (const crd of berthCrds()) await replace(crd);
  expect(entriesOf(double)).toEqual(before);
  expect(await addOnA("pod-5", "cid5")).toBe("10.1.0.2");
  expect(await addOnB("pod-6", "cid6")).toBe("10.1.0.5");
  expect((await pool()).spec.allocations["2"]).toMatchObject({ podref: "default/pod-5", node: "node-a" });
  await allIsWell();
}, 30_000);

test("back: the old plugin returns", async () => {
  const done = await install("--remove");
  expect(done.exit).toBe(0);
  expect(done.text).toContain("what was there before is back");
  expect(readFileSync(plugin, "utf8")).toBe(OLD_PLUGIN);
  expect(existsSync(`${plugin}.before-berth`)).toBe(false);
  expect(existsSync(program)).toBe(false);
});

test("Go reads what Berth wrote, keeps it for the pod, frees it with its reservation, and hands it out again", async () => {
  const { allocations } = (await pool()).spec;
  expect(allocations["2"]).toMatchObject({ id: "cid5", podref: "default/pod-5", ifname: "net1" });
  expect(reservationsOf(double)).toContain("10.1.0.2 default/pod-5 net1");
  expect(await addOnB("pod-5", "cid5")).toBe("10.1.0.2");
  for (const [pod, id] of [
    ["pod-1", "cid1"],
    ["pod-3", "cid3"],
    ["pod-5", "cid5"],
  ] as const) {
    const call = { podref: `default/${pod}`, ifname: "net1", id };
    expect(await nodeB.del(call, RANGE)).toBe(true);
    expect(`${entriesOf(double)} ${reservationsOf(double)}`).not.toContain(pod);
  }
  expect(await addOnB("pod-2", "again")).toBe("10.1.0.1");
  expect(entriesOf(double)).toHaveLength(3);
  expect(reservationsOf(double)).toHaveLength(3);
  await allIsWell();
});

async function pool(): Promise<IPPool> {
  const path = `/apis/${apiVersionOf(IP_POOLS)}/namespaces/${NAMESPACE}/ippools/10.1.0.0-24`;
  return (await send(server.transport, "GET", path)).json as IPPool;
}

/** What `kubectl apply -f deploy/crds` comes to for a definition that exists. */
async function replace(crd: { readonly [key: string]: unknown }): Promise<void> {
  const metadata = crd.metadata as { name: string };
  const all = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const path = `${all}/${metadata.name}`;
  const found = await send(server.transport, "GET", path);
  if (found.status === 404) {
    expect((await send(server.transport, "POST", all, crd)).status).toBe(201);
    return;
  }
  const { metadata: stored } = found.json as { metadata: { resourceVersion: string } };
  const { resourceVersion } = stored;
  const answer = await send(server.transport, "PUT", path, {
    ...crd,
    metadata: { ...metadata, resourceVersion },
  });
  expect([answer.status, answer.body.slice(0, 200)]).toEqual([200, expect.any(String)]);
}
