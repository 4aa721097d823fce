import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { acquire } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/open.ts";
import type { Double } from "../apiserver/double.ts";
import type { Json } from "../apiserver/json.ts";
import { type RunningApiServer, send, startApiServer } from "../apiserver/start.ts";
import { Host } from "./fixture.ts";

/** From whereabouts to Berth and back, on a cluster as upstream's manifests leave it. The tests run in this order. */
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const NAMESPACE = "kube-system";
const CNI = "whereabouts.cni.cncf.io/v1alpha1";

let server: RunningApiServer;
let double: Double;

type Report = {
  found: { what: string; count: string; about: string }[];
  problems: { severity: string; code: string; subject: string; message: string }[];
  steps: { object: string; what: string; state: string }[];
};

async function berth(...args: string[]) {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
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

async function migrate(...args: string[]) {
  const run = await berth("migrate", "--kubeconfig", server.kubeconfigPath, "-o", "json", ...args);
  const report: Report = JSON.parse(run.stdout || "{}");
  const states = (report.steps ?? []).map(({ state, object }) => `${state} ${object}`);
  return { ...run, report, states };
}

const all = (group: string, plural: string) => double.objects({ group, plural });
const names = (group: string, plural: string) =>
  all(group, plural).map(({ metadata }) => String((metadata as Json).name));
const one = (group: string, plural: string, name: string) =>
  all(group, plural).find(({ metadata }) => (metadata as Json).name === name);

async function remove(path: string): Promise<void> {
  expect((await send(server.transport, "DELETE", path)).status).toBe(200);
}

const ATTACHMENT = { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition" };
const ipam = (more: object) =>
  JSON.stringify({
    cniVersion: "1.0.0",
    name: "net",
    type: "macvlan",
    ipam: { type: "whereabouts", range: "10.1.0.0/24", ...more },
  });
const record = (pod: string) => ({ id: `s-${pod}`, podref: `default/${pod}`, ifname: "net1" });
const template = (affinity?: object) => ({
  metadata: { labels: { app: "whereabouts" } },
  spec: { containers: [{ name: "c", image: "i" }], ...(affinity && { affinity }) },
});
const selector = { matchLabels: { app: "whereabouts" } };
const AMD64 = { key: "kubernetes.io/arch", operator: "In", values: ["amd64"] };
const affinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [AMD64] }] },
  },
};

beforeAll(async () => {
  server = await startApiServer({ kind: "double" }); // with the CRDs of upstream
  if (!server.double) throw new Error("the double was asked for");
  double = server.double;
  const put = (apiVersion: string, kind: string, name: string, more: object, namespace = NAMESPACE) =>
    double.seed({ apiVersion, kind, metadata: { name, namespace }, ...more });
  for (const name of ["node-a", "node-b"])
    double.seed({ apiVersion: "v1", kind: "Node", metadata: { name } });
  for (const name of ["web", "db"])
    put("v1", "Pod", name, { spec: { containers: [{ name: "c", image: "i" }] } }, "default");
  double.seed({ ...ATTACHMENT, metadata: { name: "net", namespace: "default" }, spec: { config: ipam({}) } });
  const allocations = { "1": record("web"), "2": record("db") };
  put(CNI, "IPPool", "10.1.0.0-24", { spec: { range: "10.1.0.0/24", allocations } });
  for (const [address, pod] of [
    ["10.1.0.1", "web"],
    ["10.1.0.2", "db"],
  ])
    put(CNI, "OverlappingRangeIPReservation", address ?? "", {
      spec: { podref: `default/${pod}`, ifname: "net1" },
    });
  const jobTemplate = { spec: { template: template() } };
  put("batch/v1", "CronJob", "ip-reconciler", { spec: { schedule: "30 4 * * *", jobTemplate } });
  put("apps/v1", "Deployment", "whereabouts-controller", { spec: { selector, template: template() } });
  put("apps/v1", "DaemonSet", "whereabouts", { spec: { selector, template: template(affinity) } });
}, 60_000);
afterAll(() => server?.stop());

test("a look says what there is and what would be done, and changes nothing", async () => {
  const before = JSON.stringify([all("apps", "daemonsets"), all("batch", "cronjobs"), all("", "configmaps")]);
  const { exit, stderr, report, states } = await migrate();
  expect([exit, stderr]).toEqual([0, "Nothing has changed; --yes does it.\n"]);
  expect(report.found.map(({ what, count }) => `${count} ${what}`)).toEqual([
    "1 pools",
    "2 allocations",
    "2 reservations",
    "0 slice pools",
    "1 attachments with whereabouts",
    "0 flat file on this host",
  ]);
  expect(report.problems).toEqual([]);
  expect(states).toEqual([
    "todo CustomResourceDefinition ippools.whereabouts.cni.cncf.io",
    "todo CustomResourceDefinition overlappingrangeipreservations.whereabouts.cni.cncf.io",
    expect.stringContaining("CustomResourceDefinition nodeslicepools.whereabouts.cni.cncf.io"),
    "todo CronJob ip-reconciler",
    "todo Deployment whereabouts-controller",
    "todo DaemonSet whereabouts",
    "by_hand DaemonSet berth-agent",
    "by_hand 0 of 2 nodes are over",
  ]);
  const after = JSON.stringify([all("apps", "daemonsets"), all("batch", "cronjobs"), all("", "configmaps")]);
  expect(after).toBe(before);
  const table = await berth("migrate", "--kubeconfig", server.kubeconfigPath);
  expect(table.stdout).toMatch(/FOUND +COUNT +ABOUT\npools +1 +10\.1\.0\.0\/24\n/);
  expect(table.stdout).toContain("Nothing stands in the way.");
  expect(table.stdout).toMatch(/to do +CronJob ip-reconciler +keep a copy/);
});

test("what is damaged stands in the way of --yes", async () => {
  const bad = { metadata: { name: "bad", namespace: "default" } };
  double.seed({
    ...ATTACHMENT,
    ...bad,
    spec: { config: ipam({ range_start: "10.9.0.1", exlude: ["10.1.0.8/30"] }) },
  });
  const twice = { range: "10.1.0.0/16", allocations: { "1": record("db"), "99999": record("db") } };
  double.seed({
    apiVersion: CNI,
    kind: "IPPool",
    metadata: { name: "10.1.0.0-16", namespace: NAMESPACE },
    spec: twice,
  });
  const { exit, stderr, report, states } = await migrate("--yes");
  expect(exit).toBe(1);
  expect(stderr).toContain("errors stand in the way, and nothing was done");
  expect(states).toContain("todo CronJob ip-reconciler");
  const codes = report.problems.map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);
  expect(codes).toContainEqual(expect.stringMatching(/^error \w+ default\/bad$/)); // range_start outside
  expect(codes).toContain("warning unknown_key default/bad");
  expect(codes).toContain("error unreadable objects"); // the offset 99999
  expect(report.problems.map(({ message }) => message).join()).toContain("99999");
  await remove(`/apis/${ATTACHMENT.apiVersion}/namespaces/default/network-attachment-definitions/bad`);
  await remove(`/apis/${CNI}/namespaces/${NAMESPACE}/ippools/10.1.0.0-16`);
});

test("a step that fails ends it, and the next run goes on", async () => {
  const failure = { code: 403, reason: "Forbidden", message: "you shall not delete" };
  const refusal = double.faults.plant({ resource: "cronjobs", verb: "delete" }, { do: "answer", failure });
  const stopped = await migrate("--yes");
  expect(stopped.exit).toBe(1);
  expect(stopped.stderr).toContain("CronJob ip-reconciler: you shall not delete");
  expect(stopped.states).toContain("done CustomResourceDefinition ippools.whereabouts.cni.cncf.io");
  expect(stopped.states).toContain("todo DaemonSet whereabouts");
  refusal.remove();
  const done = await migrate("--yes");
  expect(done.exit).toBe(0);
  expect(done.states.filter((state) => state.startsWith("todo"))).toEqual([]);
  expect([names("batch", "cronjobs"), names("apps", "deployments")]).toEqual([[], []]);
  const { spec } = one("apps", "daemonsets", "whereabouts") as { spec: Json };
  expect(JSON.stringify(spec)).toContain(
    JSON.stringify([AMD64, { key: "berth", operator: "NotIn", values: ["yes"] }]),
  );
});

test("a node moves once there is an agent", async () => {
  expect((await migrate("--node", "node-a", "--yes")).states).toContain("waits Node node-a");
  const spec = { selector, template: template() };
  double.seed({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "berth-agent", namespace: NAMESPACE },
    spec,
  });
  const moved = await migrate("--node", "node-a", "--yes");
  expect([moved.exit, moved.states.at(-2)]).toEqual([0, "done Node node-a"]);
  expect(moved.states.at(-1)).toBe("by_hand 1 of 2 nodes are over");
  expect(one("", "nodes", "node-a")?.metadata).toMatchObject({ labels: { berth: "yes" } });
  expect(await migrate("--node", "nobody")).toMatchObject({ exit: 1 });
});

test("back: what Go cannot use is said; then labels go, and what was put aside is as it was", async () => {
  const far = { range: "fd00::/32", allocations: { "18446744073709551616": { ...record("web"), uid: "u" } } };
  const metadata = { name: "z42luez5fnet-fd00---32.z", namespace: NAMESPACE };
  double.seed({ apiVersion: CNI, kind: "IPPool", metadata, spec: far });
  const refused = await migrate("--back", "--yes");
  expect([refused.exit, refused.report.problems.map(({ code }) => code)]).toEqual([
    1,
    ["name_not_legal", "offset_too_large"],
  ]);
  await remove(`/apis/${CNI}/namespaces/${NAMESPACE}/ippools/${metadata.name}`);

  const back = await migrate("--back", "--yes");
  expect(back.stderr).toContain("Node node-a: take the label berth away: the agent goes: done");
  expect([back.exit, back.states.filter((state) => state.startsWith("todo"))]).toEqual([0, []]);
  expect(names("batch", "cronjobs")).toEqual(["ip-reconciler"]);
  expect(one("batch", "cronjobs", "ip-reconciler")?.spec).toMatchObject({ schedule: "30 4 * * *" });
  expect(names("apps", "deployments")).toEqual(["whereabouts-controller"]);
  const { spec } = one("apps", "daemonsets", "whereabouts") as { spec: { template: { spec: Json } } };
  expect(spec.template.spec.affinity).toEqual(affinity);
  expect((await migrate("--back", "--yes")).exit).toBe(0); // again: nothing is left to do
  expect(one(CNI.split("/")[0] ?? "", "ippools", "10.1.0.0-24")?.spec).toMatchObject({
    allocations: { "1": record("web"), "2": record("db") },
  });
});

describe("from one store to another", () => {
  let host: Host;
  beforeEach(async () => {
    host = await Host.make();
  });
  afterEach(() => host.dispose());

  test("from a host's database to a cluster, interrupted and again, and back into another database", async () => {
    const fresh = await startApiServer({ kind: "double", crds: "berth" });
    try {
      const to = ["migrate", "--database", host.database, "--to-kubeconfig", fresh.kubeconfigPath];
      const look = await berth(...to);
      expect([look.exit, look.stdout]).toEqual([
        0,
        expect.stringContaining("8 addresses are held: 0 are in"),
      ]);
      const cut = fresh.double?.faults.plant(
        { resource: "ippools", verb: ["create", "patch"], name: "10.56.0.0-24" },
        { do: "answer", failure: { code: 403, reason: "Forbidden", message: "no patches" } },
      );
      const half = await berth(...to, "--yes");
      expect([half.exit, half.stderr]).toEqual([1, expect.stringContaining("berth migrate: kubernetes")]);
      cut?.remove();
      const whole = await berth(...to, "--yes");
      expect([whole.exit, whole.stderr]).toEqual([0, expect.stringContaining("The old store is as it was")]);
      expect(whole.stdout).toContain("8 are in the new store, 0 are missing");

      const second = join(host.folder, "second.db");
      const home = ["migrate", "--kubeconfig", fresh.kubeconfigPath, "--to-database", second, "--yes"];
      expect((await berth(...home)).exit).toBe(0);
      const shown = (database: string) =>
        JSON.parse(host.run("show", "-o", "json", "--database", database).stdout);
      expect(shown(second)).toEqual(shown(host.database));
    } finally {
      await fresh.stop();
    }
  }, 60_000);

  test("what another pod holds in the new store stays its, and is said", async () => {
    const other = join(host.folder, "other.db");
    const store = openStore({ kind: "sqlite", path: other }, { patience: 5_000 });
    if (!store.ok) throw new Error(store.error.message);
    await store.value.commit([
      acquire("10.56.0.0/24", { pod: "stranger" }),
      acquire("10.57.0.0/24", { pod: "web", sandbox: "newer", networkName: "blue" }),
    ]);
    store.value.close();
    const run = host.run("migrate", "--database", host.database, "--to-database", other, "--yes");
    expect(run.exit).toBe(1);
    expect(run.stdout).toContain("10.56.0.1 of default/db-0 is held there by default/stranger");
    expect(run.stdout).toContain("default/web net1 has a newer sandbox there");
    const forced = host.run(
      "migrate",
      "--database",
      host.database,
      "--to-database",
      other,
      "--yes",
      "--force",
    );
    expect(forced.exit).toBe(0);
    expect(host.run("show", "10.56.0.1", "--database", other).stdout).toContain("stranger");
    expect(host.run("show", "10.58.0.1", "--database", other).stdout).toContain("default/a");
  });
});
