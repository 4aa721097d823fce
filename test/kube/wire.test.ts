import { afterAll, beforeAll, expect, test } from "bun:test";
import { systemClock } from "../../src/clock.ts";
import type { KubeClient } from "../../src/kube/api.ts";
import { connect } from "../../src/kube/connect.ts";
import { EventRecorder, referenceTo } from "../../src/kube/events.ts";
import { loadKubeconfig } from "../../src/kube/kubeconfig.ts";
import { Election } from "../../src/kube/leader.ts";
import { EVENTS, IP_POOLS, type IPPool } from "../../src/kube/objects.ts";
import { WatchCache } from "../../src/kube/watch-cache.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";

/** The client's parts over a socket, against the API server at hand: the real one where KUBEBUILDER_ASSETS is set. */

let server: RunningApiServer;
let client: KubeClient;

beforeAll(async () => {
  server = await startApiServer();
  const connection = loadKubeconfig(server.kubeconfigPath, { clock: systemClock });
  if (!connection.ok) throw new Error(connection.error.message);
  client = connect(connection.value, systemClock);
}, 120_000);

afterAll(async () => {
  client.close();
  await server.stop();
});

const log = () => undefined;

function pool(name: string): IPPool {
  return {
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: { name, namespace: "kube-system" },
    spec: { range: "10.0.0.0/24", allocations: {} },
  };
}

test("a watch cache follows what others write", async () => {
  const cache = new WatchCache<IPPool, string>({
    client,
    resource: IP_POOLS,
    clock: systemClock,
    log,
    project: ({ metadata, spec }) => `${metadata.name} ${Object.keys(spec.allocations).length}`,
  });
  cache.start();
  expect(await cache.whenSynced(30_000)).toEqual({ ok: true, value: undefined });
  const seen = Promise.withResolvers<void>();
  cache.onChange((change) => {
    if (change.type !== "deleted" && change.value === "wire 1") seen.resolve();
  });
  expect((await client.create(IP_POOLS, pool("wire"))).ok).toBeTrue();
  const value = { id: "c", podref: "a/b", ifname: "net1" };
  const patch = [
    { op: "test", path: "/spec/allocations/1", value: null },
    { op: "add", path: "/spec/allocations/1", value },
  ] as const;
  const name = { name: "wire", namespace: "kube-system" };
  expect((await client.patch(IP_POOLS, name, { type: "json", patch })).ok).toBeTrue();
  await seen.promise;
  const again = await client.patch(IP_POOLS, name, { type: "json", patch });
  expect(again).toMatchObject({ ok: false, error: { code: "invalid", retry: "conflict" } });
  expect(cache.age).toBeLessThan(30_000);
  await cache.stop();
}, 60_000);

test("of two candidates one leads, and the other goes on when it stops", async () => {
  const led: string[] = [];
  const candidate = (identity: string) => {
    const leading = Promise.withResolvers<void>();
    const election = new Election({
      client,
      clock: systemClock,
      log,
      name: "berth-wire",
      namespace: "kube-system",
      identity,
      retryPeriod: 50,
      lead: () => {
        led.push(identity);
        leading.resolve();
      },
    });
    election.start();
    return { election, leading: leading.promise };
  };
  const one = candidate("one");
  await one.leading;
  const two = candidate("two");
  await one.election.stop();
  await two.leading;
  expect(led).toEqual(["one", "two"]);
  await two.election.stop();
}, 60_000);

test("an event is told", async () => {
  const recorder = new EventRecorder({ client, clock: systemClock, log, component: "berth-test" });
  const about = { ...referenceTo(pool("told")), uid: "0b0e2f0c-0000-4000-8000-000000000000" };
  recorder.record(about, { type: "Warning", reason: "AddressPoolFull", message: "no free address" });
  await recorder.flush();
  expect(recorder.counts).toMatchObject({ sent: 1, failed: 0 });
  const listed = await client.list(EVENTS, { namespace: "kube-system" });
  expect(listed.ok && listed.value.items.map(({ reason }) => reason)).toContain("AddressPoolFull");
}, 60_000);
