import { sleep } from "../../src/clock.ts";
import { Controller } from "../../src/controller/controller.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { IP_POOLS, type IPPool } from "../../src/kube/objects.ts";
import type { Log } from "../../src/log.ts";
import { Double } from "../apiserver/double.ts";
import type { Json } from "../apiserver/json.ts";
import { keepingCrds, NAMESPACE } from "../store/cluster.ts";
import { SimulatedAgent } from "./agent.ts";
import { Disk } from "./disk.ts";
import { openJournal, openSliceJournals } from "./journals.ts";
import { frameOf, netconf } from "./netconf.ts";
import { Process } from "./process.ts";
import type { Network } from "./scenario.ts";
import { Scheduler } from "./scheduler.ts";

/** A large cluster on which nothing goes wrong: pods on all nodes at once, each with one interface. */
export type CrowdScenario = {
  readonly seed: number;
  readonly nodes: number;
  /** Pods on each node. */
  readonly pods: number;
  readonly network: Network;
};

/** What a crowd has cost. Writes and reads are requests to the API server, those of the controller included. */
export type CrowdOutcome = {
  readonly pods: number;
  /** ADDs that ended with an error, and were done again with a new sandbox. */
  readonly failed: number;
  /** Milliseconds of virtual time from the first ADD until the last pod has its address. */
  readonly ready: number;
  /** The same until the API server shows the last of them. */
  readonly shown: number;
  /** Until all pods have addresses; and until the API server shows them all and nothing is written any more. */
  readonly writes: { readonly ready: number; readonly rest: number };
  readonly reads: { readonly ready: number; readonly rest: number };
  readonly steps: number;
  /** Milliseconds of this machine. */
  readonly wall: number;
  readonly cpu: number;
};

export const SHARED: Network = {
  name: "shared",
  networkName: "",
  ranges: ["10.0.0.0/12"],
  overlapCheck: true,
};
export const SLICED: Network = { ...SHARED, name: "sliced", sliceSize: "/25" };

const WRITES = ["create", "update", "patch", "delete", "deletecollection"] as const;
const READS = ["get", "list", "watch"] as const;
/** Milliseconds of one way to the API server. */
const LATENCY = [1, 5] as const;
/** As of `--slice-write-delay`. */
const WRITE_DELAY = 1_000;
/** In which agents and controller start, before the first pod. */
const START = 10_000;
/** Milliseconds before kubelet tries again, as it does with a sandbox that failed. */
const PAUSE = 1_000;
/** No write for so long: nothing is owed any more. */
const QUIET = 5_000;
/** Virtual time after which a crowd is not served any more. */
const LIMIT = 30 * 60_000;

/** Plays it; throws if a pod is left without its address, or two have the same, or the API server does not show one. */
export function playCrowd(scenario: CrowdScenario): CrowdOutcome {
  const started = { wall: performance.now(), cpu: process.cpuUsage() };
  const crowd = new Crowd(scenario);
  const ready = crowd.serve();
  const atReady = crowd.counts();
  const shown = ready + crowd.show();
  crowd.rest();
  const atRest = crowd.counts();
  crowd.check();
  const { user, system } = process.cpuUsage(started.cpu);
  return {
    pods: crowd.wanted,
    failed: crowd.failed,
    ready,
    shown,
    writes: { ready: atReady.writes, rest: atRest.writes },
    reads: { ready: atReady.reads, rest: atRest.reads },
    steps: crowd.time.steps,
    wall: performance.now() - started.wall,
    cpu: (user + system) / 1_000,
  };
}

class Crowd {
  readonly time: Scheduler;
  readonly wanted: number;
  failed = 0;
  readonly #scenario: CrowdScenario;
  readonly #double: Double;
  readonly #stdin: string;
  readonly #agents: { readonly name: string; readonly process: Process; readonly agent: SimulatedAgent }[];
  /** Pods by address. */
  readonly #given = new Map<string, string>();
  #served = 0;
  /** Allocations that the API server has. */
  #entries = 0;
  #sandboxes = 0;
  #problem: string | undefined;
  #lastError = "";

  constructor(scenario: CrowdScenario) {
    const { seed, nodes, pods, network } = scenario;
    this.#scenario = scenario;
    this.wanted = nodes * pods;
    this.time = new Scheduler(seed);
    this.#double = new Double({ clock: this.time, crds: keepingCrds() });
    this.#stdin = netconf(network);
    const { store } = this.#double.gateway.server.cluster;
    store.listen(`${IP_POOLS.group}/${IP_POOLS.plural}`, ({ type, object, previous }) => {
      this.#entries += (type === "DELETED" ? 0 : entriesOf(object)) - (previous ? entriesOf(previous) : 0);
    });
    this.#double.seed({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: network.name, namespace: "default" },
      spec: { config: this.#stdin },
    });
    const names = Array.from({ length: nodes }, (_, at) => `node-${at + 1}`);
    for (const name of names) this.#double.seed({ apiVersion: "v1", kind: "Node", metadata: { name } });
    this.#startController();
    this.#agents = names.map((name) => this.#startAgent(name));
    this.time.runTo(START);
  }

  /** All pods at once; the milliseconds until the last one has its address. */
  serve(): number {
    const from = this.time.elapsed();
    for (const { name, process, agent } of this.#agents) {
      for (let pod = 1; pod <= this.#scenario.pods; pod++) {
        const podref = `default/${name}-pod-${pod}`;
        process.clock.after(0, () => void this.#run(podref, process, agent));
      }
    }
    this.time.runTo(from + LIMIT, () => this.#served === this.wanted || this.#problem !== undefined);
    if (this.#problem !== undefined) throw new Error(this.#problem);
    if (this.#served < this.wanted)
      throw new Error(
        `${this.wanted - this.#served} of ${this.wanted} pods have no address: ${this.#lastError}`,
      );
    return this.time.elapsed() - from;
  }

  /** Lets time pass until the API server shows as many addresses as there are pods; the milliseconds until then. */
  show(): number {
    const from = this.time.elapsed();
    this.time.runTo(from + LIMIT, () => this.#entries === this.wanted);
    return this.time.elapsed() - from;
  }

  /** Lets time pass until nothing is written any more. */
  rest(): void {
    for (let before = -1, now = this.counts().writes; now !== before; now = this.counts().writes) {
      before = now;
      this.time.runTo(this.time.elapsed() + QUIET);
    }
  }

  counts(): { writes: number; reads: number } {
    const { counts } = this.#double;
    return { writes: counts.count({ verb: WRITES }), reads: counts.count({ verb: READS }) };
  }

  /** The API server shows each pod once. */
  check(): void {
    const shown = new Set<string>();
    for (const object of this.#double.objects(IP_POOLS))
      for (const { podref } of Object.values((object as unknown as IPPool).spec.allocations))
        shown.add(podref);
    const missing = [...this.#given.values()].filter((podref) => !shown.has(podref));
    if (missing.length > 0 || shown.size !== this.wanted)
      throw new Error(`the API server shows ${shown.size} of ${this.wanted} pods; not ${missing[0]}`);
  }

  /** As kubelet does it: an ADD that fails is followed by its DEL and done again with a new sandbox. */
  async #run(podref: string, process: Process, agent: SimulatedAgent): Promise<void> {
    const attachment = { ifname: "net1", stdin: this.#stdin };
    for (;;) {
      const id = `sandbox-${++this.#sandboxes}`;
      const sandbox = { id, podref, uid: `uid-${podref}`, attachments: [], dead: false, cleaned: false };
      const reply = await agent.answer(frameOf("ADD", sandbox, attachment), () => false);
      if (reply.exit === 0) return this.#begin(podref, reply.stdout);
      this.failed++;
      this.#lastError = reply.stdout;
      await agent.answer(frameOf("DEL", sandbox, attachment), () => false);
      await sleep(process.clock, PAUSE);
    }
  }

  #begin(podref: string, stdout: string): void {
    const { ips = [] }: { ips?: { address: string }[] } = JSON.parse(stdout);
    if (ips.length !== 1) this.#problem = `${podref} is told ${ips.length} addresses`;
    for (const { address } of ips) {
      const other = this.#given.get(address);
      if (other !== undefined) this.#problem = `${address} is given to ${other} and to ${podref}`;
      this.#given.set(address, podref);
    }
    this.#served++;
  }

  #startAgent(node: string): { name: string; process: Process; agent: SimulatedAgent } {
    const own = new Process(this.time, { offset: 0, rate: 0 });
    const disk = new Disk();
    const nothing = () => undefined;
    const agent = new SimulatedAgent({
      node,
      process: own,
      wire: this.#double.connect({ client: node, latency: LATENCY }),
      storage: openJournal(disk, own, nothing),
      slices: openSliceJournals(disk, own, nothing, nothing),
      writeDelay: WRITE_DELAY,
      log: nothing,
    });
    return { name: node, process: own, agent };
  }

  #startController(): void {
    if (this.#scenario.network.sliceSize === undefined) return;
    const { clock } = new Process(this.time, { offset: 0, rate: 0 });
    const log: Log = () => undefined;
    const client = new Client(this.#double.connect({ client: "controller", latency: LATENCY }), clock, {
      namespace: NAMESPACE,
    });
    const events = new EventRecorder({ client, clock, log, component: "berth-controller" });
    void new Controller({ client, clock, log, events }).run(new AbortController().signal);
  }
}

function entriesOf(pool: Json): number {
  return Object.keys((pool as unknown as IPPool).spec.allocations ?? {}).length;
}
