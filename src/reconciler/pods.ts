import type { Clock } from "../clock.ts";
import type { ApiError, KubeClient, ObjectMeta } from "../kube/api.ts";
import { identityOf, PODS, type Pod } from "../kube/objects.ts";
import { type Change, WatchCache } from "../kube/watch-cache.ts";
import type { Log } from "../log.ts";
import type { Result } from "../result.ts";
import type { LivePod } from "./judge.ts";

/** Set by the kubelet on the mirror of a static pod: the uid that runtimes and plugins know the pod by. */
const CONFIG_HASH = "kubernetes.io/config.hash";

/** What is kept of a pod: mostly its uid alone, as text, since there are many of them. */
type Known = string | { readonly uid: string; readonly configHash: string };

export type PodsOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Only the pods of this node; absent: all. */
  readonly node?: string;
};

/**
 * All pods by namespace and name, from two watches that carry metadata only: of all, and of those that have ended. Spec and status of
 * tens of thousands of pods never come over the wire.
 */
export class Pods {
  readonly #all: WatchCache<Pod, Known>;
  readonly #ended: WatchCache<Pod, string>;

  constructor({ client, clock, log, node }: PodsOptions) {
    const here = node === undefined ? [] : [`spec.nodeName=${node}`];
    const base = { client, clock, log, resource: PODS, metadataOnly: true, slim } as const;
    // There is no "or" in a selector, but the phases that are not ended are few: whatever is none of them is looked at.
    const ended = ["Pending", "Running", "Unknown"].map((phase) => `status.phase!=${phase}`);
    const [selector] = here;
    this.#all = new WatchCache({
      ...base,
      project: ({ metadata }) => knownOf(metadata),
      ...(selector !== undefined && { fieldSelector: selector }),
    });
    this.#ended = new WatchCache({
      ...base,
      project: ({ metadata }) => metadata.uid ?? "",
      fieldSelector: [...here, ...ended].join(","),
    });
  }

  start(): void {
    this.#all.start();
    this.#ended.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#all.stop(), this.#ended.stop()]);
  }

  async whenSynced(timeout: number, signal?: AbortSignal): Promise<Result<void, ApiError>> {
    const all = await this.#all.whenSynced(timeout, signal);
    return all.ok ? this.#ended.whenSynced(timeout, signal) : all;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Milliseconds since the server last told anything. */
  get age(): number {
    return Math.max(this.#all.age, this.#ended.age);
  }

  get(namespace: string, name: string): LivePod | undefined {
    const known = this.#all.get({ namespace, name });
    if (known === undefined) return undefined;
    const pod = typeof known === "string" ? { uid: known } : known;
    return { ...pod, ended: this.#ended.get({ namespace, name }) === pod.uid };
  }

  /** Calls `listener` when a pod has gone, has ended, or another one has its name. */
  onEnd(listener: () => void): void {
    this.#all.onChange((change: Change<Known>) => {
      if (change.type === "deleted") listener();
    });
    this.#ended.onChange((change) => {
      if (change.type !== "deleted") listener();
    });
  }
}

/** A pod as a read of the whole object shows it. */
export function livePodOf({ metadata, status }: Pod): LivePod {
  const known = knownOf(metadata);
  const pod = typeof known === "string" ? { uid: known } : known;
  return { ...pod, ended: status?.phase === "Succeeded" || status?.phase === "Failed" };
}

/** A pod without labels, owners and most annotations. */
function slim({ apiVersion, kind, metadata }: Pod): Pod {
  const configHash = metadata.annotations?.[CONFIG_HASH];
  return {
    apiVersion,
    kind,
    metadata: {
      ...identityOf(metadata),
      ...(configHash !== undefined && { annotations: { [CONFIG_HASH]: configHash } }),
    },
  };
}

function knownOf({ uid = "", annotations }: ObjectMeta): Known {
  const configHash = annotations?.[CONFIG_HASH];
  return configHash === undefined ? uid : { uid, configHash };
}
