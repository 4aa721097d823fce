import type { Clock } from "../clock.ts";
import type { WhereaboutsConfig } from "../config/index.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import { ATTACHMENTS, type NetworkAttachmentDefinition, NODES, type Node } from "../kube/objects.ts";
import { WatchCache } from "../kube/watch-cache.ts";
import type { Log } from "../log.ts";
import { ok, type Result } from "../result.ts";
import { CachedSource } from "../store/kubernetes/cached-source.ts";
import { Claimed } from "../store/kubernetes/claimed.ts";
import type { PoolRecord } from "../store/kubernetes/pool-record.ts";
import { State } from "../store/kubernetes/state.ts";
import { networksOf } from "./attachments.ts";
import type { LivePod, NodeState } from "./judge.ts";
import { nodeStateOf } from "./nodes.ts";
import { Pods } from "./pods.ts";
import type { Facts } from "./survey.ts";

export type KnowledgeOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Only the pods of this node; absent: all. */
  readonly node?: string;
};

/** What the reconciler knows of the cluster, kept up to date by watches. */
export class Knowledge implements Facts {
  readonly state: State;
  readonly source: CachedSource;
  readonly pods: Pods;
  readonly #nodes: WatchCache<Node, NodeState>;
  readonly #attachments: WatchCache<NetworkAttachmentDefinition, readonly WhereaboutsConfig[]>;
  readonly #clock: Clock;

  /** Begins to watch at once. */
  constructor(options: KnowledgeOptions) {
    const { client, clock, log } = options;
    this.#clock = clock;
    this.state = new State(new Claimed(clock));
    this.source = new CachedSource(client, clock, this.state, log, { paged: true });
    this.pods = new Pods(options);
    this.#nodes = new WatchCache({ client, clock, log, resource: NODES, project: nodeStateOf });
    this.#attachments = new WatchCache({ client, clock, log, resource: ATTACHMENTS, project: networksOf });
    this.pods.start();
    this.#nodes.start();
    this.#attachments.start();
  }

  async stop(): Promise<void> {
    this.source.close();
    await Promise.all([this.pods.stop(), this.#nodes.stop(), this.#attachments.stop()]);
  }

  /** Waits until everything that a judgement rests upon has been listed. Attachments are not waited for: without them less is repaired. */
  async whenSynced(timeout: number, signal?: AbortSignal): Promise<Result<void, ApiError>> {
    const pools = await this.source.all(this.#clock.elapsed() + timeout);
    if (!pools.ok) return pools;
    const pods = await this.pods.whenSynced(timeout, signal);
    if (!pods.ok) return pods;
    const nodes = await this.#nodes.whenSynced(timeout, signal);
    return nodes.ok ? ok(undefined) : nodes;
  }

  pod(namespace: string, name: string): LivePod | undefined {
    return this.pods.get(namespace, name);
  }

  node(name: string): NodeState {
    return this.#nodes.get({ name }) ?? "gone";
  }

  /**
   * Whether all networks that use this pool check for overlap. False too where none is known, or the pool is a node's slice,
   * whose name does not tell the network's.
   */
  isOverlapChecked({ pool }: PoolRecord): boolean {
    const range = formatCidr(pool.range);
    let isUsed = false;
    for (const networks of this.#attachments.values()) {
      for (const { networkName, ranges, overlapCheck } of networks) {
        if (networkName !== pool.networkName) continue;
        const isOfRange = ranges.some(
          ({ range: { network }, slicePrefix }) => slicePrefix === undefined && formatCidr(network) === range,
        );
        if (!isOfRange) continue;
        if (!overlapCheck) return false;
        isUsed = true;
      }
    }
    return isUsed;
  }

  /** Calls `listener` when something may have become stranded. */
  onChange(listener: () => void): void {
    this.pods.onEnd(listener);
    this.#nodes.onChange(listener);
  }
}
