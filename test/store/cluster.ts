import { type Clock, systemClock } from "../../src/clock.ts";
import { Client } from "../../src/kube/client.ts";
import type { LogLevel } from "../../src/log.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import type { Double } from "../apiserver/double.ts";
import type { Json } from "../apiserver/json.ts";
import { upstreamCrds } from "../apiserver/manifests.ts";

export const NAMESPACE = "kube-system";

/** The CRDs of upstream, but that they keep what Berth adds to a record. */
export function keepingCrds(): Json[] {
  const keep = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => keep(item, ""));
    if (typeof value !== "object" || value === null) return value;
    const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, keep(item, name)]));
    const isRecord = ["additionalProperties", "spec", "status"].includes(key) && copy.type === "object";
    return isRecord ? { ...copy, "x-kubernetes-preserve-unknown-fields": true } : copy;
  };
  return upstreamCrds().map((crd) => keep(crd, "") as Json);
}

export type StoreOptions = {
  readonly client?: string;
  readonly clock?: Clock;
  readonly staying?: boolean;
  readonly patience?: number;
  readonly latency?: readonly [number, number];
  /** Whose agent it is; left out, it follows everything and comes in no order. */
  readonly node?: string;
  readonly log?: (level: LogLevel, msg: string) => void;
};

/** A store of one node on a double. */
export function openOn(double: Double, options: StoreOptions = {}): KubernetesStore {
  const {
    client = "node-a",
    clock = systemClock,
    staying = true,
    patience = 10_000,
    latency,
    node,
    log,
  } = options;
  const transport = double.connect({ client, ...(latency && { latency }) });
  return new KubernetesStore(new Client(transport, clock, { namespace: NAMESPACE }), {
    clock,
    staying,
    patience,
    ...(node !== undefined && { node }),
    log: log ?? (() => undefined),
  });
}

/** Reading pods is forbidden, so that no pod is proven gone. */
export function withoutPods(double: Double): Double {
  const failure = { code: 403, reason: "Forbidden", message: "pods is forbidden" };
  double.faults.plant({ resource: "pods" }, { do: "answer", failure });
  return double;
}
