import type { ApiError, KubeClient } from "../kube/api.ts";
import { NODES, PODS } from "../kube/objects.ts";
import { err, ok, type Result } from "../result.ts";
import { ownerOf } from "../store/kubernetes/entry.ts";
import { judge, type LivePod, type NodeState } from "./judge.ts";
import { nodeStateOf } from "./nodes.ts";
import { livePodOf } from "./pods.ts";
import { type Case, recordedOwner } from "./survey.ts";

export type Stranded = Extract<Case, { kind: "stranded" }>;

/**
 * The second look at an owner: at the API server itself, which answers with what etcd has now. A watch may be behind, or cut
 * without anyone noticing. One for each pass: each pod and node is read once.
 */
export class Confirmation {
  readonly #client: KubeClient;
  readonly #pods = new Map<string, Promise<Result<LivePod | undefined, ApiError>>>();
  readonly #nodes = new Map<string, Promise<Result<NodeState, ApiError>>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Whether the owner is still gone. An error proves nothing. */
  async isGone({ held, why }: Stranded): Promise<Result<boolean, ApiError>> {
    if (why === "reservation_expired") return ok(true);
    const record = recordedOwner(held.entry.allocation);
    const { namespace, name } = ownerOf(held.entry.allocation).pod;
    const pod = await once(this.#pods, record.podref, () => this.#readPod(namespace, name));
    if (!pod.ok) return pod;
    if (record.node === "") return ok(judge({ record, pod: pod.value, node: undefined }).kind === "gone");
    const node = await once(this.#nodes, record.node, () => this.#readNode(record.node));
    if (!node.ok) return node;
    return ok(judge({ record, pod: pod.value, node: node.value }).kind === "gone");
  }

  async #readPod(namespace: string, name: string): Promise<Result<LivePod | undefined, ApiError>> {
    const found = await this.#client.get(PODS, { namespace, name });
    if (found.ok) return ok(livePodOf(found.value));
    return found.error.code === "not_found" ? ok(undefined) : err(found.error);
  }

  async #readNode(name: string): Promise<Result<NodeState, ApiError>> {
    const found = await this.#client.get(NODES, { name });
    if (found.ok) return ok(nodeStateOf(found.value));
    return found.error.code === "not_found" ? ok(nodeStateOf(undefined)) : err(found.error);
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? read();
  known.set(key, found);
  return found;
}
