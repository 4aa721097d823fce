import { type Pod, podRef } from "../../allocation/owner.ts";
import type { EventRecorder } from "../../kube/events.ts";
import { referenceTo } from "../../kube/events.ts";
import { apiVersionOf, type IPPool, type NodeSlicePool, PODS } from "../../kube/objects.ts";

/** Percent of a pool, highest first; a reason each, since repetitions of one reason are told as one. */
const LEVELS = [
  { percent: 100n, reason: "AddressPoolFull", hint: "the next pod of this network gets none" },
  { percent: 90n, reason: "AddressPoolOver90Percent", hint: "enlarge the range or exclude less" },
  { percent: 80n, reason: "AddressPoolOver80Percent", hint: "plan for a larger range" },
] as const;

/** What `kubectl describe` shows: on a pod why it got no address, on a pool how full it has become. */
export class Notices {
  readonly #recorder: EventRecorder;
  /** The percentage that was told last, by name of the pool object. */
  readonly #told = new Map<string, bigint>();

  constructor(recorder: EventRecorder) {
    this.#recorder = recorder;
  }

  podFailed(pod: Pod, message: string): void {
    if (pod.name === "") return;
    const about = { apiVersion: apiVersionOf(PODS), kind: PODS.kind, ...pod };
    const named = `${podRef(pod)}: ${message}`;
    this.#recorder.record(about, { type: "Warning", reason: "AddressAllocationFailed", message: named });
  }

  /** An address that was given to a pod is another's too. */
  addressConflict(pod: Pod, address: string): void {
    if (pod.name === "") return;
    const about = { apiVersion: apiVersionOf(PODS), kind: PODS.kind, ...pod };
    const message = `${podRef(pod)}: ${address} is held by another too: berth check says by whom; restart one of them`;
    this.#recorder.record(about, { type: "Warning", reason: "AddressConflict", message });
  }

  slicesExhausted(pool: NodeSlicePool, node: string): void {
    const message = `the slices of ${node} are full, and of ${pool.spec.range} no further one can be cut: enlarge it or make node_slice_size smaller`;
    this.#recorder.record(referenceTo(pool), { type: "Warning", reason: "SlicesExhausted", message });
  }

  /** Tells a level when it is reached, and again only after the pool was below it. */
  poolUse(object: IPPool, used: bigint, capacity: bigint): void {
    const { name } = object.metadata;
    const level = LEVELS.find(({ percent }) => used * 100n >= capacity * percent);
    const before = this.#told.get(name) ?? 0n;
    if (level === undefined) this.#told.delete(name);
    else this.#told.set(name, level.percent);
    if (level === undefined || level.percent <= before) return;
    const message = `${used} of ${capacity} addresses of ${object.spec.range} are held: ${level.hint}`;
    this.#recorder.record(referenceTo(object), { type: "Warning", reason: level.reason, message });
  }

  /** Resolves when everything is told or given up. */
  flush(): Promise<void> {
    return this.#recorder.flush();
  }
}
