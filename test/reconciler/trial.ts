import type { Acquire } from "../../src/allocation/claim.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { NODES, PODS } from "../../src/kube/objects.ts";
import { Knowledge } from "../../src/reconciler/knowledge.ts";
import { ReconcilerMetrics } from "../../src/reconciler/metrics.ts";
import { type Pass, Passes } from "../../src/reconciler/pass.ts";
import { Reconciler } from "../../src/reconciler/reconciler.ts";
import { Schedule } from "../../src/reconciler/schedule.ts";
import { acquire, summary } from "../../src/store/contract.ts";
import type { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import { Double, type DoubleOptions } from "../apiserver/double.ts";
import { ADMIN } from "../apiserver/identity.ts";
import type { Json } from "../apiserver/json.ts";
import { keepingCrds, NAMESPACE, openOn } from "../store/cluster.ts";
import { VirtualClock } from "../virtual-clock.ts";

export const GRACE = 60_000;

export type PodOptions = {
  readonly namespace?: string;
  readonly uid?: string;
  readonly phase?: string;
  readonly node?: string;
  readonly annotations?: { readonly [key: string]: string };
};

/** A cluster in virtual time: an API server, a node's store, a reconciler, and hands that play kubelet and people. */
export class Trial {
  readonly clock: VirtualClock;
  readonly double: Double;
  readonly store: KubernetesStore;
  readonly passes: Passes;
  readonly knowledge: Knowledge;
  /** The reconciler's. */
  readonly client: Client;
  /** Of kubelets and people, which faults of the reconciler's do not meet. */
  readonly people: Client;

  constructor(seed = 1, options: DoubleOptions = {}) {
    this.clock = new VirtualClock(seed);
    this.double = new Double({ clock: this.clock, crds: keepingCrds(), ...options });
    this.store = openOn(this.double, { clock: this.clock });
    this.client = new Client(this.double.connect({ client: "reconciler" }), this.clock, {
      namespace: NAMESPACE,
    });
    this.people = new Client(this.double.connect({ client: "people" }), this.clock, { namespace: NAMESPACE });
    this.knowledge = new Knowledge({ client: this.client, clock: this.clock, log: () => undefined });
    this.passes = new Passes({
      client: this.client,
      clock: this.clock,
      knowledge: this.knowledge,
      grace: GRACE,
    });
  }

  /** Makes a node, and waits until the reconciler has listed everything. */
  async ready(): Promise<this> {
    await this.node("node-a");
    const synced = await this.clock.run(this.knowledge.whenSynced(60_000));
    if (!synced.ok) throw new Error(synced.error.message);
    return this;
  }

  /** Creates a pod; its uid. */
  async pod(
    name: string,
    { namespace = "default", phase = "Running", node = "node-a", annotations }: PodOptions = {},
  ): Promise<string> {
    const made = this.double.seed({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, ...(annotations && { annotations }) },
      spec: { nodeName: node, containers: [{ name: "c", image: "i" }] },
      status: { phase },
    });
    const { uid } = made.metadata as Json;
    await this.status(name, { phase }, namespace);
    return String(uid);
  }

  async status(name: string, status: object, namespace = "default"): Promise<void> {
    const done = this.people.patch(
      PODS,
      { namespace, name },
      { type: "merge", patch: { status } },
      { subresource: "status" },
    );
    const result = await this.clock.run(done);
    if (!result.ok) throw new Error(result.error.message);
  }

  /** The kubelet's last word, or `kubectl delete --force`: gone at once. */
  async remove(name: string, namespace = "default"): Promise<void> {
    await this.#delete(`/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
  }

  /** As `kubectl delete`: marked, until the kubelet has ended it. */
  async terminate(name: string, namespace = "default"): Promise<void> {
    await this.#delete(`/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  async node(name: string, ready = "True"): Promise<void> {
    this.double.seed({ apiVersion: "v1", kind: "Node", metadata: { name } });
    await this.nodeReady(name, ready);
  }

  async nodeReady(name: string, ready: string): Promise<void> {
    const patch = { status: { conditions: [{ type: "Ready", status: ready }] } };
    const done = this.people.patch(NODES, { name }, { type: "merge", patch }, { subresource: "status" });
    const result = await this.clock.run(done);
    if (!result.ok) throw new Error(result.error.message);
  }

  async removeNode(name: string): Promise<void> {
    await this.#delete(`/api/v1/nodes/${name}`);
  }

  /** What an ADD for the pod gives. */
  async add(
    pod: string,
    options: Parameters<typeof acquire>[1] & { range?: string; node?: string } = {},
  ): Promise<string> {
    const { range = "10.0.0.0/24", node = "node-a", ...rest } = options;
    const change: Acquire = { ...acquire(range, { pod, ...rest }), node, now: this.clock.now() };
    const result = await this.clock.run(this.store.commit([change]));
    if (!result.ok) throw new Error(result.error.message);
    return summary(result.value[0]);
  }

  async del(sandbox: string, ifname = "net1"): Promise<void> {
    const result = await this.clock.run(this.store.commit([{ kind: "release", sandbox, ifname }]));
    if (!result.ok) throw new Error(result.error.message);
  }

  /** One pass, once the watches have told what there is. */
  async pass(): Promise<Pass> {
    await this.clock.advance(10);
    return this.clock.run(this.passes.run());
  }

  /** Two passes with the grace time between; the second. */
  async twice(wait = GRACE): Promise<Pass> {
    await this.pass();
    await this.clock.advance(wait);
    return this.pass();
  }

  /** An ADD that is only begun. */
  addNow(pod: string, options: Parameters<typeof acquire>[1]): Promise<string> {
    const change: Acquire = { ...acquire("10.0.0.0/24", { pod, ...options }), now: this.clock.now() };
    return this.store
      .commit([change])
      .then((result) => (result.ok ? summary(result.value[0]) : result.error.code));
  }

  /** Another reconciler, with its own knowledge. */
  async another(): Promise<Passes> {
    const transport = this.double.connect({ client: "reconciler-2" });
    const client = new Client(transport, this.clock, { namespace: NAMESPACE });
    const { clock } = this;
    const knowledge = new Knowledge({ client, clock, log: () => undefined });
    await clock.run(knowledge.whenSynced(60_000));
    return new Passes({ client, clock, knowledge, grace: GRACE });
  }

  /** Runs the reconciler as its process does, until the function that is returned is called. */
  start(expression = "*/5 * * * *"): () => Promise<void> {
    const { client, clock } = this;
    const log = () => undefined;
    const schedule = new Schedule({ mounted: () => expression, flatFile: () => undefined }, log);
    const events = new EventRecorder({ client, clock, log, component: "berth-reconciler" });
    const metrics = new ReconcilerMetrics(schedule, () => true);
    const reconciler = new Reconciler({ client, clock, log, schedule, events, metrics, grace: GRACE });
    const stop = new AbortController();
    const running = reconciler.run(stop.signal);
    return () => {
      stop.abort();
      return this.clock.run(running);
    };
  }

  /** A write past faults and latency, at once. */
  raw(method: "PATCH" | "POST", path: string, body: object): void {
    const root = `/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/${NAMESPACE}`;
    const headers = { "content-type": "application/merge-patch+json" };
    const request = { method, path: `${root}/${path}`, headers, body: JSON.stringify(body) };
    const reply = this.double.gateway.server.handle(request, ADMIN);
    if (reply.status >= 300) throw new Error(reply.body);
  }

  async #delete(path: string): Promise<void> {
    const wire = this.double.connect({ client: "people" });
    const headers = { accept: "application/json" };
    const answer = await this.clock.run(wire.request({ method: "DELETE", path, headers }, 10_000));
    // One that has ended is gone at the first word.
    const isGone = answer.ok && (answer.value.status < 300 || answer.value.status === 404);
    if (!isGone) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  }
}
