import type { Transport } from "../../src/kube/transport.ts";
import { Double } from "../apiserver/double.ts";
import { ANSWERS, type Fault, type Planted } from "../apiserver/faults.ts";
import { ADMIN } from "../apiserver/identity.ts";
import type { Json } from "../apiserver/json.ts";
import { keepingCrds } from "../store/cluster.ts";
import { act } from "./actions.ts";
import { Control } from "./control.ts";
import type { Defect } from "./defect.ts";
import { Ledger } from "./ledger.ts";
import { Machine, type Sandbox } from "./machine.ts";
import { netconf } from "./netconf.ts";
import type { ApiFault, Network, NodeSpec, Scenario } from "./scenario.ts";
import { Scheduler } from "./scheduler.ts";
import type { Violation } from "./violation.ts";
import { strayWrites, traced } from "./wires.ts";

/** A pod as the API has it. */
export type Pod = {
  readonly podref: string;
  readonly uid: string;
  readonly node: string;
  readonly networks: readonly string[];
  isDeleting: boolean;
  /** Where a pod of the same name is to be once this one is gone. */
  successor?: string;
};

export type Watcher = {
  readonly trace?: (at: number, line: string) => void;
};

/** Copies of the reconciler. */
export const CONTROLS = ["control-1", "control-2"] as const;
/** Milliseconds without a sign of life after which a node counts as not ready. */
const NODE_MONITOR = 40_000;

/** A scenario takes thousands of steps; one that takes this many turns in a circle. */
const MOST_STEPS = 5_000_000;

/** Everything that a run consists of, and all that may happen to it. */
export class World {
  readonly time: Scheduler;
  readonly double: Double;
  readonly ledger: Ledger;
  readonly defect: Defect;
  readonly scenario: Scenario;
  readonly machines = new Map<string, Machine>();
  readonly controls = new Map<string, Control>();
  readonly pods = new Map<string, Pod>();
  readonly coverage = new Map<string, number>();
  /**
   * Sandboxes for which a write was given up while it was on its way: the server may carry it out after their DEL, and then
   * nobody knows of it until the pod is gone.
   */
  readonly strays = new Set<string>();
  /** Nodes whose disks have lied: what they forgot is found out when its pod is gone. */
  readonly liars = new Set<string>();
  readonly #networks = new Map<string, Network>();
  readonly #gone = new Set<string>();
  readonly #watcher: Watcher;
  readonly #planted = new Set<Planted>();
  #sandboxes = 0;

  constructor(scenario: Scenario, defect: Defect = {}, watcher: Watcher = {}) {
    this.scenario = scenario;
    this.defect = defect;
    this.#watcher = watcher;
    this.time = new Scheduler(scenario.seed);
    this.double = new Double({ clock: this.time, crds: keepingCrds(), history: 100 });
    this.ledger = new Ledger(this.double, ({ isGo, node, podref, uid }) => {
      return isGo && this.isCut(node) && this.pods.get(podref)?.uid !== uid;
    });
    this.#markGo();
    for (const network of scenario.networks) this.setNetwork(network.name, network);
    for (const spec of scenario.nodes) {
      this.addNode(spec.name);
      const machine = new Machine(spec, this);
      this.machines.set(spec.name, machine);
      machine.boot();
    }
    for (const name of CONTROLS) {
      const control = new Control(name, this);
      this.controls.set(name, control);
      control.start();
    }
    for (const action of scenario.actions) this.time.after(action.at, () => act(this, action));
  }

  trace(line: () => string): void {
    this.#watcher.trace?.(this.time.elapsed(), line());
  }

  cover(kind: string): void {
    this.coverage.set(kind, (this.coverage.get(kind) ?? 0) + 1);
  }

  /** Runs until a time; a violation ends it. */
  runTo(end: number): Violation | undefined {
    this.time.runTo(end, () => this.ledger.violation !== undefined || this.time.steps > MOST_STEPS);
    if (this.time.steps > MOST_STEPS) this.ledger.fail("comes to rest", `${MOST_STEPS} steps, and no end`);
    return this.ledger.violation;
  }

  connect(client: string): Transport {
    const wire = strayWrites(
      this.double.connect({ client, latency: this.scenario.latency }),
      (sandbox) => void this.strays.add(sandbox),
    );
    return this.#watcher.trace ? traced(wire, client, (line) => this.trace(() => line)) : wire;
  }

  /** Whether any network gives each node slices of its own. */
  get hasSlices(): boolean {
    return this.scenario.networks.some(({ sliceSize }) => sliceSize !== undefined);
  }

  /** Networks that are there now. */
  networks(): Iterable<Network> {
    return this.#networks.values();
  }

  /** Whether nothing gets through between a node and the API server. */
  isCut(node: string): boolean {
    return this.double.faults.isPartitioned(node) || !this.double.gateway.up;
  }

  network(name: string, kind: NodeSpec["kind"]): Network | undefined {
    // The Go plugin is left with what it understands.
    if (kind === "go")
      return this.scenario.networks.find(
        ({ name: own, networkName, sliceSize }) =>
          own === name && networkName === "" && sliceSize === undefined,
      );
    return this.#networks.get(name);
  }

  setNetwork(name: string, change: Partial<Network> | undefined): void {
    const before =
      this.#networks.get(name) ?? this.scenario.networks.find((network) => network.name === name);
    const path = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";
    const isThere = this.#networks.has(name);
    if (change === undefined) {
      this.#networks.delete(name);
      this.#request("DELETE", `${path}/${name}`);
    } else if (before) {
      const after = { ...before, ...change };
      this.#networks.set(name, after);
      const spec = { config: netconf(after) };
      const metadata = { name, namespace: "default" };
      const object = {
        apiVersion: "k8s.cni.cncf.io/v1",
        kind: "NetworkAttachmentDefinition",
        metadata,
        spec,
      };
      if (isThere) this.#request("PATCH", `${path}/${name}`, { spec });
      else this.double.seed(object);
    }
  }

  podsOn(node: string): Pod[] {
    return [...this.pods.values()].filter((pod) => pod.node === node);
  }

  /** The pod runs and has all its addresses. */
  isReady({ node, uid }: Pod): boolean {
    return this.machines.get(node)?.kubelet?.isReady(uid) === true;
  }

  newSandbox({ podref, uid }: Pod): Sandbox {
    return { id: `sandbox-${++this.#sandboxes}`, podref, uid, attachments: [], dead: false, cleaned: false };
  }

  createPod(podref: string, node: string, networks: readonly string[]): void {
    const [namespace, name] = podref.split("/");
    const made = this.double.seed({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace },
      spec: { nodeName: node, containers: [{ name: "c", image: "i" }] },
    });
    const { uid } = made.metadata as { uid: string };
    this.pods.set(podref, { podref, uid, node, networks, isDeleting: false });
    this.trace(() => `${podref} is created on ${node} with ${networks.join(" ")}, uid ${uid}`);
    this.#tell(node);
  }

  deletePod(pod: Pod, force: boolean): void {
    this.trace(() => `${pod.podref} is deleted${force ? " by force" : ""}`);
    pod.isDeleting = true;
    this.#request("DELETE", podPath(pod), force ? { gracePeriodSeconds: 0 } : {});
    if (force) this.#podGone(pod);
    this.#tell(pod.node);
  }

  /** A kubelet reports that nothing of a pod is left; false: the API is out of reach. */
  podEnded(pod: Pod, node: string): boolean {
    if (this.isCut(node)) return false;
    if (this.pods.get(pod.podref) !== pod) return true;
    this.trace(() => `${pod.podref} is gone`);
    this.#request("DELETE", podPath(pod), { gracePeriodSeconds: 0 });
    this.#podGone(pod);
    return true;
  }

  addNode(name: string): void {
    this.#gone.delete(name);
    this.double.seed({ apiVersion: "v1", kind: "Node", metadata: { name } });
    this.#setReady(name, true);
  }

  /** Node and pods disappear from the API: the cloud has no such machine any more. */
  removeNode(name: string): void {
    this.#gone.add(name);
    this.#request("DELETE", `/api/v1/nodes/${name}`);
    for (const pod of this.podsOn(name)) this.deletePod(pod, true);
  }

  isGone(node: string): boolean {
    return this.#gone.has(node);
  }

  reboot(name: string, ms: number): void {
    const machine = this.machines.get(name);
    if (!machine?.isUp) return;
    machine.powerOff();
    this.#watchNode(name);
    this.time.after(ms, () => {
      if (!this.isGone(name)) machine.boot();
    });
  }

  partition(name: string, ms: number): void {
    this.double.faults.partition(name);
    this.trace(() => `${name} is cut off`);
    if (this.machines.has(name)) this.#watchNode(name);
    this.time.after(ms, () => this.heal(name));
  }

  heal(name: string): void {
    if (!this.double.faults.isPartitioned(name)) return;
    this.trace(() => `${name} is connected again`);
    this.double.faults.heal(name);
    this.machines.get(name)?.kubelet?.sync();
  }

  plant(fault: ApiFault, match: { resource?: string; writes: boolean; chance: number }, ms: number): void {
    const { resource, writes, chance } = match;
    const planted = this.double.faults.plant(
      {
        ...(resource !== undefined && { resource }),
        ...(writes && { verb: ["create", "update", "patch", "delete"] as const }),
        chance,
      },
      faultOf(fault),
    );
    this.#planted.add(planted);
    this.time.after(ms, () => this.#lift(fault, planted));
  }

  lag(changes: number, ms: number): void {
    const { cluster } = this.double.gateway.server;
    cluster.behind = changes;
    this.time.after(ms, () => {
      cluster.behind = 0;
    });
  }

  /** All that is broken works again from now on. */
  stopFaults(): void {
    this.double.faults.clear();
    this.double.gateway.server.cluster.behind = 0;
    this.#markGo();
    this.double.gateway.start();
    for (const [name, control] of this.controls) {
      this.heal(name);
      control.start();
    }
    for (const [name, machine] of this.machines) {
      machine.disk.fault = undefined;
      machine.disk.honest = true;
      this.heal(name);
      if (this.isGone(name)) continue;
      machine.boot();
      machine.startAgent();
      machine.kubelet?.sync();
    }
  }

  /** Lets the ledger know whose writes it sees. */
  #markGo(): void {
    for (const { name, kind } of this.scenario.nodes) {
      if (kind !== "go") continue;
      const mark = (isGoWriting: boolean) => () => {
        this.ledger.isGoWriting = isGoWriting;
      };
      this.double.faults.plant({ client: name }, { do: "run", run: mark(true) });
      this.double.faults.plant({ client: name }, { do: "run_after", run: mark(false) });
    }
  }

  /** Deletes all pods that there are. */
  deleteAll(): void {
    this.trace(() => "all pods are deleted");
    for (const pod of [...this.pods.values()]) {
      delete pod.successor;
      if (!pod.isDeleting) this.deletePod(pod, false);
    }
  }

  #lift(fault: ApiFault, planted: Planted): void {
    for (let hit = planted.hits(); hit > 0; hit--) this.cover(`api: ${fault}`);
    planted.remove();
    this.#planted.delete(planted);
  }

  #podGone(pod: Pod): void {
    if (this.pods.get(pod.podref) !== pod) return;
    this.pods.delete(pod.podref);
    if (pod.successor !== undefined && !this.isGone(pod.successor))
      this.createPod(pod.podref, pod.successor, pod.networks);
  }

  /** The kubelet hears of a change of its pods a moment later. */
  #tell(node: string): void {
    this.time.after(5 + this.time.random() * 50, () => this.machines.get(node)?.kubelet?.sync());
  }

  /** The node controller: a node that gives no sign of life is not ready, until it does. */
  #watchNode(name: string): void {
    this.time.after(NODE_MONITOR, () => {
      if (this.isGone(name) || this.#isAlive(name)) return;
      this.#setReady(name, false);
      this.#awaitNode(name);
    });
  }

  #awaitNode(name: string): void {
    this.time.after(5_000, () => {
      if (this.isGone(name)) return;
      if (this.#isAlive(name)) this.#setReady(name, true);
      else this.#awaitNode(name);
    });
  }

  #isAlive(name: string): boolean {
    return this.machines.get(name)?.isUp === true && !this.double.faults.isPartitioned(name);
  }

  #setReady(name: string, isReady: boolean): void {
    this.trace(() => `the node ${name} is ${isReady ? "ready" : "not ready"}`);
    this.#request("PATCH", `/api/v1/nodes/${name}/status`, { status: readiness(isReady) });
  }

  #request(method: "DELETE" | "PATCH", path: string, body: Json = {}): void {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const request = { method, path, headers: { "content-type": type }, body: JSON.stringify(body) };
    const { status, body: answer } = this.double.gateway.server.handle(request, ADMIN);
    if (status >= 400 && status !== 404) throw new Error(`${method} ${path}: ${answer}`);
  }
}

function podPath({ podref }: Pod): string {
  const [namespace, name] = podref.split("/");
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

function readiness(isReady: boolean): Json {
  return { conditions: [{ type: "Ready", status: isReady ? "True" : "Unknown" }] };
}

function faultOf(fault: ApiFault): Fault {
  switch (fault) {
    case "delay":
    case "delay_answer":
      return { do: fault, ms: 3_000 };
    case "conflict":
      return { do: "answer", failure: ANSWERS.conflict("objects", "some") };
    case "too_many_requests":
      return { do: "answer", failure: ANSWERS.tooManyRequests(1) };
    case "server_error":
      return { do: "answer", failure: ANSWERS.etcdTimeout };
    case "unavailable":
      return { do: "answer", failure: ANSWERS.unavailable };
    default:
      return { do: fault };
  }
}
