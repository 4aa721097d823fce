import type { Clock } from "../../clock.ts";
import type { KubeClient } from "../../kube/api.ts";
import { EventRecorder } from "../../kube/events.ts";
import { apiVersionOf, PODS } from "../../kube/objects.ts";
import type { Log } from "../../log.ts";
import type { LeaseRecord } from "./record.ts";

export type NoticeOptions = {
  /** The API server of this node's cluster; undefined where none is configured (now). */
  readonly cluster: () => KubeClient | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** What Kubernetes calls this node. */
  readonly node: string;
};

/**
 * What `kubectl describe pod` shows of the pod's leases: lost, or changed by the server. Nobody waits for it, and no lease depends
 * on it; what is not told is in the log.
 */
export class PodNotices {
  readonly #options: NoticeOptions;
  #recorder: EventRecorder | undefined;

  constructor(options: NoticeOptions) {
    this.#options = options;
  }

  tell({ pod, uid }: LeaseRecord, reason: string, message: string): void {
    const slash = pod.indexOf("/");
    if (slash < 0) return; // the runtime has not said whose it is
    this.#recorder ??= this.#connect();
    const about = {
      apiVersion: apiVersionOf(PODS),
      kind: PODS.kind,
      namespace: pod.slice(0, slash),
      name: pod.slice(slash + 1),
      ...(uid !== undefined && { uid }),
    };
    this.#recorder?.record(about, { type: "Warning", reason, message });
  }

  /** Resolves when all is told or given up, which is within seconds. */
  async flush(): Promise<void> {
    await this.#recorder?.flush();
  }

  #connect(): EventRecorder | undefined {
    const { cluster, clock, log, node } = this.#options;
    const client = cluster();
    return client && new EventRecorder({ client, clock, log, component: "berth-dhcp", host: node });
  }
}
