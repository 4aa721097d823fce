import { expect, test } from "bun:test";
import type { Holding } from "../../src/inspect/holding.ts";
import { CONFIG_MAPS } from "../../src/kube/objects.ts";
import {
  HOLDINGS_A_SHARD,
  readShards,
  SHARD_NAMES,
  writeShard,
} from "../../src/reconciler/history/shards.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { Trial } from "./trial.ts";

const FLUSH = 15_000;

async function written(t: Trial): Promise<readonly Holding[]> {
  const shards = await t.clock.run(readShards(t.people));
  if (!shards.ok) throw new Error(shards.error.message);
  return shards.value.toSorted((a, b) => a.sequence - b.sequence).flatMap(({ holdings }) => holdings);
}
const lines = (holdings: readonly Holding[]) => holdings.map(({ address, pod }) => `${address} ${pod}`);

test("what ends while a reconciler leads is written down, with its times, and the next leader goes on", async () => {
  const t = await new Trial().ready();
  let stop = t.start();
  await t.pod("a");
  const began = t.clock.now();
  await t.add("a", { uid: "u-a" });
  await t.clock.advance(60_000);
  await t.del("sandbox-a");
  const ended = t.clock.now();
  await t.clock.advance(FLUSH + 1_000);
  const [first] = await written(t);
  expect(first).toMatchObject({
    address: "10.0.0.1",
    pod: "default/a",
    uid: "u-a",
    interface: "net1",
    node: "node-a",
    pool: "10.0.0.0/24",
    from: new Date(began).toISOString(),
  });
  expect(Math.abs(Date.parse(first?.until ?? "") - ended)).toBeLessThan(1_000);
  await stop();

  stop = t.start();
  await t.clock.advance(1_000);
  await t.pod("b");
  await t.add("b");
  await t.clock.advance(1_000);
  await t.del("sandbox-b");
  await t.clock.advance(1_000);
  await stop(); // before the next write was due
  expect(lines(await written(t))).toEqual(["10.0.0.1 default/a", "10.0.0.1 default/b"]);
});

test("a new sandbox of the same pod is no end, and what is freed for a pod that is gone is one", async () => {
  const t = await new Trial().ready();
  const stop = t.start();
  await t.pod("a");
  await t.add("a", { sandbox: "one" });
  await t.add("a", { sandbox: "two" });
  await t.clock.advance(FLUSH + 1_000);
  expect(await written(t)).toEqual([]);
  await t.remove("a");
  await t.clock.advance(300_000);
  expect(lines(await written(t))).toEqual(["10.0.0.1 default/a"]);
  await stop();
});

test("an API server that refuses, loses an answer, or has another writer costs no entry", async () => {
  const t = await new Trial().ready();
  const stop = t.start();
  const end = async (pod: string) => {
    await t.add(pod);
    await t.clock.advance(1_000);
    await t.del(`sandbox-${pod}`);
    await t.clock.advance(FLUSH + 1_000);
  };
  await end("a");
  const refusal = t.double.faults.plant(
    { client: "reconciler", resource: "configmaps" },
    { do: "answer", failure: { code: 403, reason: "Forbidden", message: "configmaps is forbidden" } },
  );
  await end("b");
  refusal.remove();
  await end("c");
  t.double.faults.plant(
    { client: "reconciler", resource: "configmaps", verb: "update", times: 1 },
    { do: "answer", failure: ANSWERS.conflict("configmaps", SHARD_NAMES[0] ?? "") },
  );
  await end("d");
  t.double.faults.plant(
    { client: "reconciler", resource: "configmaps", verb: "update", times: 1 },
    { do: "drop_after" },
  );
  await end("e");
  await t.clock.advance(2 * FLUSH);
  const pods = new Set((await written(t)).map(({ pod }) => pod));
  expect([...pods]).toEqual(["a", "b", "c", "d", "e"].map((pod) => `default/${pod}`));
  await stop();
});

test("a full shard is left for the next, and after the last one comes the first again", async () => {
  const t = await new Trial().ready();
  const filler: Holding = {
    address: "10.9.0.1",
    pod: "default/old",
    interface: "net1",
    node: "",
    pool: "10.9.0.0/24",
    networkName: "",
    sandbox: "",
    from: "",
    until: new Date(t.clock.now()).toISOString(),
  };
  const holdings = Array.from({ length: HOLDINGS_A_SHARD }, () => filler);
  const last = SHARD_NAMES.length - 1;
  for (const sequence of [0, last]) await t.clock.run(writeShard(t.people, { sequence, holdings }));
  const stop = t.start();
  await t.add("a");
  await t.clock.advance(1_000);
  await t.del("sandbox-a");
  await t.clock.advance(FLUSH + 1_000);
  await stop();
  const read = await t.clock.run(
    t.people.get(CONFIG_MAPS, { name: SHARD_NAMES[0] ?? "", namespace: t.people.namespace }),
  );
  expect(read.ok && read.value.data?.sequence).toBe(String(SHARD_NAMES.length));
  expect(lines(await written(t)).slice(-1)).toEqual(["10.0.0.1 default/a"]);
});

test("what somebody has damaged is passed over", async () => {
  const t = await new Trial().ready();
  const [one = "", two = "", three = ""] = SHARD_NAMES;
  const { namespace } = t.people;
  const make = (name: string, data: { [key: string]: string }) =>
    t.clock.run(
      t.people.create(CONFIG_MAPS, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name, namespace },
        data,
      }),
    );
  await make(one, { sequence: "x" });
  await make(two, { sequence: "17", holdings: "nothing of gzip" });
  await make(three, {
    sequence: "18",
    holdings: Buffer.from(Bun.gzipSync('{"address": 7}\n')).toString("base64"),
  });
  expect(await written(t)).toEqual([]);
});
