import { gunzipSync, gzipSync } from "node:zlib";
import { isObject } from "../../cni/json.ts";
import type { Holding } from "../../inspect/holding.ts";
import type { ApiError, KubeClient } from "../../kube/api.ts";
import { CONFIG_MAPS, type ConfigMap } from "../../kube/objects.ts";
import { err, ok, type Result } from "../../result.ts";

/**
 * The history of a cluster is a ring of ConfigMaps: who may read it is said by RBAC, it outlives every process, and it is bounded. A
 * holding takes some 60 bytes, so the ring takes 6 MB of etcd at most.
 */
const SHARDS = 16;
export const HOLDINGS_A_SHARD = 6_000;
/** Bytes of a shard, unpacked; larger ones are not Berth's. */
const LARGEST = 8 * 1024 * 1024;

export const SHARD_NAMES: readonly string[] = Array.from(
  { length: SHARDS },
  (_, index) => `berth-history-${String(index).padStart(2, "0")}`,
);

/** Part of the history: what ended during one stretch of time, in that order. */
export type Shard = {
  /** Counts on for ever; the name repeats after 16. */
  readonly sequence: number;
  readonly holdings: readonly Holding[];
  /** The version that was read or written; absent: not known to exist. */
  readonly resourceVersion?: string;
};

/** The newest shard that there is; a first one where there is none. */
export async function readNewest(client: KubeClient): Promise<Result<Shard, ApiError>> {
  const shards = await readShards(client);
  if (!shards.ok) return shards;
  const [first, ...others] = shards.value;
  if (first === undefined) return ok({ sequence: 0, holdings: [] });
  return ok(others.reduce((newest, shard) => (shard.sequence > newest.sequence ? shard : newest), first));
}

/** All shards, in no particular order. One that cannot be read as such is passed over. */
export async function readShards(client: KubeClient): Promise<Result<readonly Shard[], ApiError>> {
  const { namespace } = client;
  // By name: a role can allow just these.
  const reads = await Promise.all(SHARD_NAMES.map((name) => client.get(CONFIG_MAPS, { name, namespace })));
  const shards: Shard[] = [];
  for (const read of reads) {
    if (!read.ok && read.error.code !== "not_found") return read;
    const shard = read.ok ? decode(read.value) : undefined;
    if (shard) shards.push(shard);
  }
  return ok(shards);
}

/** Writes the shard if it is still of the version that it says; over an older one of the same name where it is new. */
export async function writeShard(client: KubeClient, shard: Shard): Promise<Result<Shard, ApiError>> {
  const object = encode(shard, client.namespace);
  let written = await client.update(CONFIG_MAPS, object);
  if (!written.ok && written.error.code === "not_found") written = await client.create(CONFIG_MAPS, object);
  if (!written.ok) return err(written.error);
  const { resourceVersion } = written.value.metadata;
  return ok({ ...shard, ...(resourceVersion !== undefined && { resourceVersion }) });
}

function encode({ sequence, holdings, resourceVersion }: Shard, namespace: string): ConfigMap {
  const lines = holdings.map((holding) => JSON.stringify(holding)).join("\n");
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: SHARD_NAMES[sequence % SHARDS] ?? "",
      namespace,
      labels: { "app.kubernetes.io/part-of": "berth", "app.kubernetes.io/component": "history" },
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    data: { sequence: String(sequence), holdings: gzipSync(lines).toString("base64") },
  };
}

function decode({ metadata, data = {} }: ConfigMap): Shard | undefined {
  const sequence = Number(data.sequence);
  if (!Number.isSafeInteger(sequence) || sequence < 0) return undefined;
  const { resourceVersion } = metadata;
  return {
    sequence,
    holdings: unpack(data.holdings ?? ""),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** Nothing for what somebody has damaged: the rest of the history can be read all the same. */
function unpack(text: string): readonly Holding[] {
  try {
    const lines = gunzipSync(Buffer.from(text, "base64"), { maxOutputLength: LARGEST })
      .toString()
      .split("\n");
    return lines.flatMap((line) => {
      const value: unknown = line === "" ? undefined : JSON.parse(line);
      return isHolding(value) ? [value] : [];
    });
  } catch {
    return [];
  }
}

const TEXTS = ["address", "pod", "interface", "node", "pool", "networkName", "sandbox", "from"];

function isHolding(value: unknown): value is Holding {
  return isObject(value) && TEXTS.every((key) => typeof value[key] === "string");
}
