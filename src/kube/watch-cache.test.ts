import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Double } from "../../test/apiserver/double.ts";
import { VirtualClock } from "../../test/virtual-clock.ts";
import type { KubeClient } from "./api.ts";
import { Client } from "./client.ts";
import { CONFIG_MAPS, type ConfigMap } from "./objects.ts";
import { WatchCache } from "./watch-cache.ts";

let clock: VirtualClock;
let double: Double;
let writer: KubeClient;
let cache: WatchCache<ConfigMap, string>;
let told: string[];
let logged: string[];

function clientOf(name: string): KubeClient {
  const transport = double.connect({ client: name, latency: [1, 5] });
  return new Client(transport, clock, { namespace: "default" });
}

function configMap(name: string, text = "", version?: string): ConfigMap {
  const metadata = { name, namespace: "default", ...(version !== undefined && { resourceVersion: version }) };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { text } };
}

async function write(name: string, text = ""): Promise<ConfigMap> {
  const name_ = { name, namespace: "default" };
  const found = await clock.run(writer.get(CONFIG_MAPS, name_));
  const written = await clock.run(
    found.ok
      ? writer.update(CONFIG_MAPS, { ...found.value, data: { text } })
      : writer.create(CONFIG_MAPS, configMap(name, text)),
  );
  if (!written.ok) throw new Error(written.error.message);
  return written.value;
}

async function remove(name: string): Promise<void> {
  const removed = await clock.run(writer.delete(CONFIG_MAPS, { name, namespace: "default" }));
  if (!removed.ok) throw new Error(removed.error.message);
}

function open(options: { metadataOnly?: boolean; fresh?: boolean } = {}): WatchCache<ConfigMap, string> {
  const opened = new WatchCache<ConfigMap, string>({
    client: clientOf("reader"),
    resource: CONFIG_MAPS,
    clock,
    log: (_, msg, fields) => logged.push(`${msg} ${fields?.code}`),
    project: ({ metadata, data }) =>
      data?.text === "ignored" ? undefined : `${metadata.name}=${data?.text}`,
    ...options,
  });
  opened.onChange((change) => {
    const before = change.type === "added" ? "" : change.before;
    told.push(
      `${change.type} ${before} ${change.type === "deleted" ? "" : change.value}`.replace(/ +/g, " ").trim(),
    );
  });
  opened.start();
  return opened;
}

const known = () => [...cache.values()].sort();
const shows = (...values: string[]) => clock.until(() => Bun.deepEquals(known(), values), 60_000);

beforeEach(async () => {
  clock = new VirtualClock();
  double = new Double({ clock, history: 20 });
  writer = clientOf("writer");
  told = [];
  logged = [];
  await write("a", "1");
  cache = open();
  await clock.until(() => double.counts.count({ client: "reader", verb: "watch" }) === 1);
  await clock.advance(100);
});

afterEach(async () => {
  await clock.run(cache.stop());
});

describe("what exists", () => {
  test("is listed, then followed, and each change told in order", async () => {
    await write("b", "1");
    await write("a", "2");
    await remove("b");
    await shows("a=2");
    expect(told).toEqual(["added a=1", "added b=1", "changed a=1 a=2", "deleted b=1"]);
    expect(cache.get({ namespace: "default", name: "a" })).toBe("a=2");
    expect([...cache.values("elsewhere")]).toEqual([]);
    expect(cache.size).toBe(1);
  });

  test("is listed in pages where there is much", async () => {
    double.gateway.stop();
    for (let n = 0; n < 1201; n++) double.seed(configMap(`m${n}`));
    double.gateway.start();
    await clock.until(() => cache.size === 1202, 60_000);
    expect(double.counts.count({ client: "reader", verb: "list" })).toBeGreaterThanOrEqual(4);
  });

  test("is kept only where the projection gives something", async () => {
    await write("a", "ignored");
    await shows();
    await write("a", "3");
    await shows("a=3");
  });

  test("comes without spec and data where only metadata is wanted", async () => {
    const bare = open({ metadataOnly: true });
    await clock.until(() => bare.isSynced);
    expect([...bare.values()]).toEqual(["a=undefined"]);
    await write("b", "1");
    await clock.until(() => bare.size === 2);
    expect(bare.get({ namespace: "default", name: "b" })).toBe("b=undefined");
    await clock.run(bare.stop());
  });
});

describe("age", () => {
  test("grows without news, and a bookmark ends it", async () => {
    await write("b");
    await shows("a=1", "b=");
    await clock.advance(50_000);
    expect(cache.age).toBeGreaterThan(49_000);
    await clock.advance(65_000);
    expect(cache.age).toBeLessThan(61_000);
  });

  test("is infinite before the first list", async () => {
    double.gateway.stop();
    const late = open();
    await clock.advance(1_000);
    expect(late.age).toBe(Number.POSITIVE_INFINITY);
    expect(late.isSynced).toBeFalse();
    await clock.run(late.stop());
  });

  test("a silent stream is given up and the watch begun anew", async () => {
    double.faults.partition("reader");
    await write("b", "1");
    await clock.advance(200_000);
    expect(cache.age).toBeGreaterThan(150_000);
    double.faults.clear();
    await clock.until(() => cache.size === 2, 160_000);
  });
});

describe("faults", () => {
  test("a broken watch goes on where it was, without a list", async () => {
    const lists = double.counts.count({ client: "reader", verb: "list" });
    double.gateway.breakWatches();
    await write("b", "1");
    await shows("a=1", "b=1");
    expect(double.counts.count({ client: "reader", verb: "list" })).toBe(lists);
  });

  test("a version that the server has forgotten leads to a new list, which finds what was deleted unseen", async () => {
    await write("b", "1");
    await shows("a=1", "b=1");
    double.gateway.stop();
    await clock.advance(10_000);
    double.gateway.start();
    await remove("b");
    await write("c", "1");
    double.gateway.server.cluster.store.compact();
    await shows("a=1", "c=1");
    expect(told.slice(1)).toEqual(["added b=1", "deleted b=1", "added c=1"]);
  });

  test("the first list is tried until it works; one line of log for one fault", async () => {
    double.faults.plant(
      { client: "reader", verb: "list", times: 20 },
      { do: "answer", failure: { code: 403, reason: "Forbidden", message: "no" } },
    );
    logged = [];
    const late = open();
    const waited = await clock.run(late.whenSynced(5_000));
    expect(waited).toMatchObject({ ok: false, error: { code: "forbidden" } });
    expect(late.lastError?.code).toBe("forbidden");
    expect(await clock.run(late.whenSynced(3_600_000))).toEqual({ ok: true, value: undefined });
    expect(late.lastError).toBeUndefined();
    expect(logged).toEqual(["cannot watch configmaps; what is known grows old forbidden"]);
    await clock.run(late.stop());
  });

  test("a server that was away for long is asked soon once somebody waits for it", async () => {
    double.gateway.stop();
    const late = open();
    await clock.advance(600_000);
    double.gateway.start();
    const started = clock.elapsed();
    expect(await clock.run(late.whenSynced(10_000))).toEqual({ ok: true, value: undefined });
    expect(clock.elapsed() - started).toBeLessThan(1_000);
    await late.stop();
  });

  test("a server that ends every watch at once is not asked in a loop", async () => {
    const before = double.counts.count({ client: "reader", verb: "watch" });
    double.gateway.breakWatches();
    double.faults.plant(
      { client: "reader", verb: "watch" },
      { do: "answer", failure: { code: 503, reason: "ServiceUnavailable", message: "no" } },
    );
    await clock.advance(600_000);
    expect(double.counts.count({ client: "reader", verb: "watch" }) - before).toBeLessThan(60);
  });
});

describe("our own writes", () => {
  test("are there at once and are not told twice", async () => {
    const written = await write("b", "1");
    told = [];
    cache.put(written);
    expect(cache.get({ namespace: "default", name: "b" })).toBe("b=1");
    await clock.advance(1_000);
    expect(told.length).toBeLessThanOrEqual(1);
  });

  test("are not overtaken by what the watch says of earlier versions", async () => {
    double.faults.partition("reader");
    await write("b", "1");
    const latest = await write("b", "2");
    cache.put(latest);
    told = [];
    double.faults.heal("reader");
    await clock.advance(1_000);
    expect(told).toEqual([]);
    expect(cache.get({ namespace: "default", name: "b" })).toBe("b=2");
  });

  test("a delete of ours is not undone by what the watch says of before", async () => {
    double.faults.partition("reader");
    const written = await write("b", "1");
    cache.put(written);
    await write("b", "2");
    await remove("b");
    cache.remove({ namespace: "default", name: "b" }, written.metadata.uid);
    told = [];
    double.faults.heal("reader");
    await clock.advance(1_000);
    expect(told).toEqual([]);
    await write("b", "again");
    await shows("a=1", "b=again");
  });

  test("survive a list that began before them", async () => {
    double.faults.plant({ client: "reader", verb: "list" }, { do: "delay_answer", ms: 2_000 });
    double.gateway.stop();
    double.seed(configMap("unseen", "1"));
    double.gateway.start();
    await clock.until(() => double.counts.count({ client: "reader", verb: "list" }) > 1, 60_000);
    const written = await write("b", "1");
    cache.put(written);
    await shows("a=1", "b=1", "unseen=1");
    await clock.advance(1_000);
    expect(told).toEqual(["added a=1", "added b=1", "added unseen=1"]);
  });
});

test("a listener that throws keeps neither the others nor the cache from the change", async () => {
  const seen: string[] = [];
  cache.onChange(() => {
    throw new Error("bug");
  });
  cache.onChange(({ name }) => seen.push(name.name));
  await write("b", "1");
  await write("c", "1");
  await shows("a=1", "b=1", "c=1");
  expect(seen).toEqual(["b", "c"]);
  expect(logged[0]).toContain("a listener of configmaps has failed");
});

test("nothing is under way after stop", async () => {
  await clock.run(cache.stop());
  const requests = double.counts.count();
  await write("b", "1");
  const own = double.counts.count() - requests;
  await clock.advance(3_600_000);
  expect(double.counts.count() - requests).toBe(own);
  expect(known()).toEqual(["a=1"]);
});

test("the first list may be one that the server has at hand, unless it must be fresh; the watch tells the rest", async () => {
  await clock.run(cache.stop());
  await write("b", "1");
  double.gateway.server.cluster.behind = 1;
  const [old, fresh] = [open(), open({ fresh: true })];
  const names = async (opened: typeof old) => {
    await clock.run(opened.whenSynced(1_000));
    return [...opened.values()].sort();
  };
  expect(await names(old)).toEqual(["a=1"]);
  expect(await names(fresh)).toEqual(["a=1", "b=1"]);
  await clock.advance(1_000);
  expect(await names(old)).toEqual(["a=1", "b=1"]);
  await clock.run(Promise.all([old.stop(), fresh.stop()]));
});
