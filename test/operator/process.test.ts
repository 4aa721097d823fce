import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { systemClock } from "../../src/clock.ts";
import type { KubeClient, KubeObject, Resource } from "../../src/kube/api.ts";
import { connect } from "../../src/kube/connect.ts";
import { loadKubeconfig } from "../../src/kube/kubeconfig.ts";
import { ATTACHMENTS, DAEMON_SETS, NETWORKS } from "../../src/kube/objects.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";
import { until } from "./lab.ts";

/** The operator as a process, twice, against an API server with a port: the real one where it is at hand. */
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

let server: RunningApiServer;
let admin: KubeClient;
const children: Subprocess[] = [];

beforeAll(async () => {
  server = await startApiServer({ crds: "berth", namespaces: ["berth"] });
  const connection = loadKubeconfig(server.kubeconfigPath, { clock: systemClock });
  if (!connection.ok) throw new Error(connection.error.message);
  admin = connect(connection.value, systemClock);
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  await server.stop();
});

function start(name: string, ...more: string[]): { child: Subprocess; log: () => string } {
  let text = "";
  const child = Bun.spawn(
    [
      process.execPath,
      MAIN,
      "operator",
      "--namespace",
      "berth",
      "--kubeconfig",
      server.kubeconfigPath,
      ...more,
    ],
    { env: { ...process.env, POD_NAME: name }, stdout: "ignore", stderr: "pipe" },
  );
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) text += decoder.decode(chunk, { stream: true });
  })();
  children.push(child);
  return { child, log: () => text };
}

async function freePort(): Promise<number> {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port = 0 } = server;
  await server.stop(true);
  return port;
}

async function names<T extends KubeObject>(resource: Resource<T>): Promise<string[]> {
  const listed = await admin.list(resource);
  return listed.ok ? listed.value.items.map(({ metadata }) => metadata.name) : [];
}

async function untilThere<T extends KubeObject>(resource: Resource<T>, name: string): Promise<void> {
  let there: string[] = [];
  const end = performance.now() + 20_000;
  while (!there.includes(name)) {
    if (performance.now() > end) throw new Error(`${name} is not among ${there}`);
    there = await names(resource);
  }
}

test("of two one works; when it ends, the other goes on at once", async () => {
  const port = await freePort();
  const first = start("one", "--metrics-address", `[127.0.0.1]:${port}`);
  await until("the first leads", () => first.log().includes('"leading"'), 20_000);
  const second = start("two");
  const spec = { additionalNetworks: [{ name: "m", type: "SimpleMacvlan" }] };
  const network = {
    apiVersion: "operator.openshift.io/v1",
    kind: "Network",
    metadata: { name: "cluster" },
    spec,
  };
  expect(await admin.create(NETWORKS, network)).toMatchObject({ ok: true });
  await untilThere(DAEMON_SETS, "dhcp-daemon");
  expect(await names(ATTACHMENTS)).toEqual(["m"]);
  expect(second.log()).not.toContain('"leading"');

  const page = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  expect([await page("/healthz"), await page("/readyz")]).toEqual(["ok\n", "ok\n"]);
  let metrics = "";
  for (let tries = 0; !/last_success_timestamp_seconds [1-9]/.test(metrics) && tries < 200; tries++) {
    metrics = await page("/metrics");
    await Bun.sleep(50);
  }
  expect(metrics).toContain("berth_operator_leader 1");
  expect(metrics).toContain('berth_operator_objects_total{kind="DaemonSet",outcome="created"} 1');
  expect(metrics).toContain('berth_operator_issues{severity="error"} 0');
  expect(metrics).toMatch(/berth_operator_last_success_timestamp_seconds [1-9]/);

  first.child.kill("SIGTERM");
  expect(await first.child.exited).toBe(0);
  await until("the second leads", () => second.log().includes('"leading"'), 20_000);
  for (const line of `${first.log()}${second.log()}`.trim().split("\n"))
    expect(() => JSON.parse(line)).not.toThrow();
}, 60_000);

test.each([
  [["--kubeconfig", "/nonexistent"], 1, "/nonexistent"],
  [["--log-level", "loud"], 2, "--log-level is one of"],
  [["--metrics-address", "everywhere"], 2, "metricsAddress"],
  [["--unknown"], 2, "--unknown"],
])("berth operator %j says what is wrong", async (args, exit, words) => {
  const child = Bun.spawn([process.execPath, MAIN, "operator", ...args], { stdout: "pipe", stderr: "pipe" });
  const stderr = await new Response(child.stderr).text();
  expect(await child.exited).toBe(exit);
  expect(stderr).toContain(words);
});
