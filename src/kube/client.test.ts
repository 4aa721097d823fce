import { beforeEach, describe, expect, test } from "bun:test";
import { Double } from "../../test/apiserver/double.ts";
import { ANSWERS } from "../../test/apiserver/faults.ts";
import { VirtualClock } from "../../test/virtual-clock.ts";
import type { Answer, ApiError, KubeClient, KubeObject, Resource } from "./api.ts";
import { Client } from "./client.ts";
import { listAll } from "./list.ts";
import { CONFIG_MAPS, type ConfigMap, IP_POOLS, type IPPool, NODES, PODS } from "./objects.ts";

let clock: VirtualClock;
let double: Double;
let client: KubeClient;
let warnings: string[];

const name = { name: "10.0.0.0-24", namespace: "kube-system" };

beforeEach(() => {
  clock = new VirtualClock();
  double = new Double({ clock });
  warnings = [];
  client = new Client(double.connect({ client: "me", latency: [1, 2] }), clock, {
    namespace: "kube-system",
    onWarning: (warning) => warnings.push(warning),
  });
});

function pool(
  metadata: Partial<IPPool["metadata"]> = {},
  allocations: IPPool["spec"]["allocations"] = {},
): IPPool {
  return {
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: { ...name, ...metadata },
    spec: { range: "10.0.0.0/24", allocations },
  };
}

async function value<T>(answer: Answer<T>): Promise<T> {
  const result = await clock.run(answer);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

async function error<T>(answer: Answer<T>): Promise<ApiError> {
  const result = await clock.run(answer);
  if (result.ok) throw new Error("it worked");
  return result.error;
}

const claim = (offset: string, podref: string) =>
  ({
    type: "json",
    patch: [
      { op: "test", path: `/spec/allocations/${offset}`, value: null },
      { op: "add", path: `/spec/allocations/${offset}`, value: { id: "c", podref } },
    ],
  }) as const;

describe("verbs", () => {
  test("create, get, update, the three patches, delete", async () => {
    const made = await value(client.create(IP_POOLS, pool()));
    expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
    const updated = await value(
      client.update(IP_POOLS, { ...made, metadata: { ...made.metadata, labels: { a: "b" } } }),
    );
    expect(updated.metadata.labels).toEqual({ a: "b" });
    expect((await value(client.patch(IP_POOLS, name, claim("1", "a/b")))).spec.allocations["1"]?.podref).toBe(
      "a/b",
    );
    const merge = { type: "merge", patch: { metadata: { labels: { a: null, c: "d" } } } } as const;
    expect((await value(client.patch(IP_POOLS, name, merge))).metadata.labels).toEqual({ c: "d" });
    const applied: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "m", namespace: "default" },
      data: { a: "b" },
    };
    const apply = { type: "apply", patch: applied, fieldManager: "berth", force: true } as const;
    expect((await value(client.patch(CONFIG_MAPS, applied.metadata, apply))).data).toEqual({ a: "b" });
    await value(client.delete(IP_POOLS, name, { uid: made.metadata.uid ?? "" }));
    expect(await error(client.get(IP_POOLS, name))).toMatchObject({ code: "not_found", retry: "conflict" });
  });

  test("a list in pages; items carry their kind", async () => {
    for (let n = 0; n < 25; n++) double.seed(pool({ name: `p${String(n).padStart(2, "0")}` }));
    const { items } = await value(listAll(client, IP_POOLS, { namespace: "kube-system", limit: 10 }));
    expect(items).toHaveLength(25);
    expect(items[24]).toMatchObject({ kind: "IPPool", metadata: { name: "p24" } });
    expect(double.counts.count({ verb: "list" })).toBe(3);
  });

  test("a page whose version is forgotten leads to a whole list", async () => {
    for (let n = 0; n < 25; n++) double.seed(pool({ name: `p${n}` }));
    double.faults.plant(
      { verb: "list", nth: 2 },
      { do: "answer", failure: { code: 410, reason: "Expired", message: "too old" } },
    );
    expect((await value(listAll(client, IP_POOLS, { limit: 10 }))).items).toHaveLength(25);
  });

  test("what the CRD prunes comes as a warning", async () => {
    await value(client.create(IP_POOLS, pool({}, { "1": { id: "c", podref: "a/b", uid: "u" } })));
    expect(warnings).toEqual(['unknown field "spec.allocations.1.uid"']);
  });
});

describe("errors", () => {
  test("a name that is taken", async () => {
    await value(client.create(IP_POOLS, pool()));
    expect(await error(client.create(IP_POOLS, pool()))).toMatchObject({
      code: "already_exists",
      retry: "conflict",
      status: 409,
    });
  });

  test("a version or precondition that no longer holds", async () => {
    const made = await value(client.create(IP_POOLS, pool()));
    await value(client.patch(IP_POOLS, name, claim("1", "a/b")));
    expect(await error(client.update(IP_POOLS, made))).toMatchObject({ code: "conflict", retry: "conflict" });
    expect(await error(client.delete(IP_POOLS, name, { uid: "other" }))).toMatchObject({ code: "conflict" });
  });

  test("a patch whose test fails is a lost race, not nonsense", async () => {
    await value(client.create(IP_POOLS, pool()));
    await value(client.patch(IP_POOLS, name, claim("1", "a/b")));
    const lost = await error(client.patch(IP_POOLS, name, claim("1", "c/d")));
    expect(lost).toMatchObject({ code: "invalid", retry: "conflict", status: 422, maybeDone: false });
  });

  test("what breaks the schema names its field", async () => {
    const broken = pool({}, { "1": { id: "c" } as unknown as IPPool["spec"]["allocations"][string] });
    const refused = await error(client.create(IP_POOLS, broken));
    expect(refused).toMatchObject({ code: "invalid", retry: "bug" });
    expect(refused.causes?.[0]?.field).toBe("spec.allocations.1.podref");
  });

  test("a kind that the server does not know names the CRD", async () => {
    const bare = new Double({ clock, crds: [] });
    const lost = new Client(bare.connect({ client: "me" }), clock, { namespace: "kube-system" });
    for (const answer of [lost.get(IP_POOLS, name), lost.list(IP_POOLS), lost.create(IP_POOLS, pool())]) {
      const missing = await error<unknown>(answer as Answer<unknown>);
      expect(missing).toMatchObject({ code: "kind_missing", retry: "permanent" });
      expect(missing.hint).toContain("ippools.whereabouts.cni.cncf.io");
    }
  });

  test("a namespace that does not exist is named", async () => {
    const refused = await error(client.create(IP_POOLS, pool({ namespace: "nowhere" })));
    expect(refused).toMatchObject({ code: "not_found", retry: "permanent" });
    expect(refused.hint).toContain("nowhere");
  });

  test.each<[Resource<KubeObject>, string | undefined, string]>([
    [PODS, "web", 'grant the verb list on pods of the API group "" in the namespace web'],
    [PODS, undefined, 'grant the verb list on pods of the API group "" for the whole cluster'],
    [NODES, undefined, 'grant the verb list on nodes of the API group "" for the whole cluster'],
  ])("403 names the rule that is missing: %#", async (resource, namespace, hint) => {
    double.faults.plant({}, { do: "answer", failure: { code: 403, reason: "Forbidden", message: "no" } });
    const refused = await error(client.list(resource, namespace === undefined ? {} : { namespace }));
    expect(refused).toMatchObject({ code: "forbidden", retry: "permanent" });
    expect(refused.hint).toStartWith(hint);
  });

  test.each([
    [{ code: 500, message: "etcdserver: request is too large" }],
    [{ code: 413, reason: "RequestEntityTooLarge", message: "limit is 3145728" }],
  ])("too large: %j", async (failure) => {
    double.faults.plant({}, { do: "answer", failure });
    expect(await error(client.create(IP_POOLS, pool()))).toMatchObject({
      code: "too_large",
      retry: "permanent",
      maybeDone: false,
    });
    expect(double.counts.writes()).toBe(1);
  });
});

describe("what is tried again", () => {
  test("a read after 5xx and broken connections", async () => {
    await value(client.create(IP_POOLS, pool()));
    double.faults.plant({ verb: "get", nth: 1 }, { do: "answer", failure: ANSWERS.unavailable });
    double.faults.plant({ verb: "get", nth: 2 }, { do: "drop_before" });
    double.faults.plant({ verb: "get", nth: 3 }, { do: "drop_after" });
    expect(await value(client.get(IP_POOLS, name))).toMatchObject({ metadata: name });
  });

  test("a read that hangs, after half its time", async () => {
    await value(client.create(IP_POOLS, pool()));
    double.faults.plant({ verb: "get", nth: 1 }, { do: "hang" });
    expect(await value(client.get(IP_POOLS, name, { timeout: 4_000 }))).toMatchObject({ metadata: name });
    expect(clock.elapsed()).toBeLessThan(3_000);
  });

  test("a write after 429, not before the server's time", async () => {
    double.faults.plant({ verb: "create", nth: 1 }, { do: "answer", failure: ANSWERS.tooManyRequests(2) });
    await value(client.create(IP_POOLS, pool()));
    expect(clock.elapsed()).toBeGreaterThanOrEqual(2_000);
  });

  test("429 whose time is longer than ours is an error at once", async () => {
    double.faults.plant({}, { do: "answer", failure: ANSWERS.tooManyRequests(60) });
    const refused = await error(client.create(IP_POOLS, pool()));
    expect(refused).toMatchObject({ code: "too_many_requests", retry: "transient", retryAfter: 60_000 });
    expect(clock.elapsed()).toBeLessThan(1_000);
  });

  test("a write while connections are refused", async () => {
    double.gateway.stop();
    clock.after(3_000, () => double.gateway.start());
    await value(client.create(IP_POOLS, pool()));
  });

  test.each([
    ["the connection broke", { do: "drop_after" }],
    ["the server answered 500", { do: "answer", failure: ANSWERS.etcdTimeout }],
    ["the server answered 504", { do: "answer", failure: ANSWERS.gatewayTimeout }],
    ["no answer came", { do: "hang" }],
  ] as const)("never a write that may have been carried out: %s", async (_, fault) => {
    const planted = double.faults.plant({ verb: "create" }, fault);
    const failed = await error(client.create(IP_POOLS, pool()));
    expect(failed).toMatchObject({ retry: "transient", maybeDone: true });
    expect(planted.hits()).toBe(1);
  });

  test("nothing beyond the time-out", async () => {
    double.gateway.stop();
    const failed = await error(client.get(IP_POOLS, name, { timeout: 1_500 }));
    expect(failed).toMatchObject({ code: "unreachable", maybeDone: false });
    expect(clock.elapsed()).toBeLessThanOrEqual(1_500);
  });

  test("a time-out that is a difference of two clock readings is told in whole milliseconds", async () => {
    double.faults.plant({ verb: "create" }, { do: "hang" });
    const failed = await error(client.create(IP_POOLS, pool(), { timeout: 299.7980959999995 }));
    expect(failed.message).toEndWith("no answer within 300 ms");
  });

  test("nothing after the caller's abort", async () => {
    double.gateway.stop();
    const stop = new AbortController();
    clock.after(500, () => stop.abort());
    await error(client.get(IP_POOLS, name, { signal: stop.signal }));
    expect(clock.elapsed()).toBeLessThan(600);
  });
});

test("a watch from a forgotten version is expired", async () => {
  await value(client.create(IP_POOLS, pool()));
  await value(client.patch(IP_POOLS, name, claim("1", "a/b")));
  double.gateway.server.cluster.store.compact();
  const { signal } = new AbortController();
  const ended = await error(client.watch(IP_POOLS, { signal, resourceVersion: "1" }, () => undefined));
  expect(ended).toMatchObject({ code: "expired", status: 410 });
});
