import { sleep } from "../../src/clock.ts";
import type { CallFrame } from "../../src/cni/wire.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { Client } from "../../src/kube/client.ts";
import { Turns } from "../../src/turns.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { GoWhereabouts } from "../store/go-whereabouts.ts";
import type { Attachment, Machine, Sandbox } from "./machine.ts";
import type { Process } from "./process.ts";
import type { Network } from "./scenario.ts";
import { netconf, type Pod, type World } from "./world.ts";

/** Milliseconds between two looks at everything, as kubelet has them beside its watch. */
const RESYNC = 20_000;
/** Milliseconds that a runtime waits for one call of a plugin. */
const PATIENCE = 120_000;
/** Sandboxes that are remembered for late DELs. */
const BURIED = 20;

/** What a plugin answered: the addresses of an ADD; undefined: an error. */
type Answer = readonly string[] | undefined;

/**
 * kubelet and container runtime of one node, one for each time that it is switched on: brings the pods of the node into the state
 * that the API wants. An ADD that fails is repeated with a new sandbox, a DEL until it is answered with success.
 */
export class Kubelet {
  readonly #machine: Machine;
  readonly #world: World;
  readonly #process: Process;
  readonly #workers = new Map<string, Worker>();
  readonly #cleaning = new Map<Sandbox, Promise<void>>();
  readonly #go: GoWhereabouts | undefined;

  constructor(machine: Machine, world: World, process: Process) {
    this.#machine = machine;
    this.#world = world;
    this.#process = process;
    if (machine.kind !== "go") return;
    const client = new Client(process.wire(world.connect(machine.name)), process.clock, {
      namespace: NAMESPACE,
    });
    this.#go = new GoWhereabouts(client, process.clock, new Turns(), true);
  }

  start(): void {
    // What ran before the machine was switched off is dead; its DELs come when kubelet gets round to them.
    for (const sandbox of this.#machine.sandboxes)
      this.#process.clock.after(this.#world.time.random() * 10_000, () => void this.cleanUp(sandbox));
    this.#resync();
  }

  /** Compares what the API wants with what runs here. */
  sync(): void {
    const { world, name } = this;
    if (world.isCut(name)) return;
    const wanted = new Map(world.podsOn(name).map((pod) => [pod.uid, pod]));
    for (const [uid, worker] of this.#workers) {
      const pod = wanted.get(uid);
      if (!pod || pod.isDeleting) worker.terminate();
    }
    for (const pod of wanted.values()) {
      if (this.#workers.has(pod.uid)) continue;
      const worker = new Worker(pod, this);
      this.#workers.set(pod.uid, worker);
      if (pod.isDeleting) worker.terminate();
      void worker.run().then(() => this.#workers.delete(pod.uid));
    }
  }

  /** The sandbox of a pod has died under it. */
  renew(uid: string): void {
    this.#workers.get(uid)?.renew();
  }

  /** The pod has all its addresses. */
  isReady(uid: string): boolean {
    return this.#workers.get(uid)?.isReady === true;
  }

  get name(): string {
    return this.#machine.name;
  }

  get world(): World {
    return this.#world;
  }

  get clock() {
    return this.#process.clock;
  }

  /** Sets up a sandbox; undefined where one of its interfaces gets no address. */
  async setUp(pod: Pod): Promise<Sandbox | undefined> {
    const sandbox = this.#world.newSandbox(pod);
    this.#machine.sandboxes.add(sandbox);
    for (const [index, name] of pod.networks.entries()) {
      const network = this.#world.network(name, this.#machine.kind);
      if (!network) {
        this.#world.trace(
          () => `${this.name}: ${pod.podref} wants the network ${name}, which does not exist`,
        );
        return this.#giveUp(sandbox);
      }
      const attachment = { ifname: `net${index + 1}`, network: name, stdin: netconf(network) };
      sandbox.attachments.push(attachment);
      const ips = await this.#add(sandbox, attachment, network);
      if (!ips) return this.#giveUp(sandbox);
      const { networkName, overlapCheck } = network;
      const user = {
        ...sandbox,
        ifname: attachment.ifname,
        node: this.name,
        sandbox: sandbox.id,
        isGo: this.#go !== undefined,
      };
      this.#world.trace(
        () => `${this.name}: ${pod.podref} ${user.ifname} in ${sandbox.id} has ${ips.join(" ")}`,
      );
      if (ips.length !== network.ranges.length)
        this.#world.ledger.fail(
          "whole",
          `${pod.podref} is told ${ips.length} of ${network.ranges.length} addresses`,
        );
      this.#world.ledger.begin(user, { networkName, overlapCheck, ips });
    }
    return sandbox;
  }

  /** Ends what runs in a sandbox. */
  kill(sandbox: Sandbox): void {
    if (sandbox.dead) return;
    sandbox.dead = true;
    for (const { ifname } of sandbox.attachments) this.#world.ledger.end(sandbox.id, ifname);
  }

  /** DELs for all interfaces of a dead sandbox, until each is answered with success. */
  cleanUp(sandbox: Sandbox): Promise<void> {
    const under =
      this.#cleaning.get(sandbox) ?? this.#cleanUp(sandbox).then(() => void this.#cleaning.delete(sandbox));
    this.#cleaning.set(sandbox, under);
    return under;
  }

  /** The sandboxes of a pod that still want their DELs. */
  remains(uid: string): Sandbox[] {
    return [...this.#machine.sandboxes].filter((sandbox) => sandbox.uid === uid);
  }

  /** A DEL once more, for a sandbox that is long gone. */
  lateDel(): void {
    const { buried } = this.#machine;
    const sandbox = buried[Math.floor(this.#world.time.random() * buried.length)];
    const attachment = sandbox?.attachments[0];
    if (!sandbox || !attachment) return;
    this.#world.trace(() => `${this.name}: late DEL ${sandbox.podref} in ${sandbox.id}`);
    void this.#del(sandbox, attachment);
  }

  /** CNI GC of a network: the runtime names the attachments that live or still await their DEL. */
  async collect(network: Network): Promise<void> {
    if (this.#go) return;
    const valid = [...this.#machine.sandboxes].flatMap(({ id, attachments }) =>
      attachments
        .filter((one) => one.network === network.name)
        .map(({ ifname }) => ({ containerID: id, ifname })),
    );
    const stdin = JSON.stringify({ ...JSON.parse(netconf(network)), "cni.dev/valid-attachments": valid });
    await this.#machine.call(
      { plugin: "whereabouts", timeout: PATIENCE, env: { CNI_COMMAND: "GC", CNI_PATH: "/bin" }, stdin },
      () => false,
    );
  }

  #resync(): void {
    this.sync();
    this.#process.clock.after(RESYNC, () => this.#resync());
  }

  #giveUp(sandbox: Sandbox): undefined {
    this.kill(sandbox);
    void this.cleanUp(sandbox);
    return undefined;
  }

  async #cleanUp(sandbox: Sandbox): Promise<void> {
    for (const attachment of [...sandbox.attachments].reverse()) {
      for (let pause = 500; !(await this.#del(sandbox, attachment)); pause = Math.min(10_000, pause * 2)) {
        await sleep(this.clock, pause * (0.5 + this.#world.time.random()));
      }
      // Runtimes repeat DELs as they like.
      if (this.#world.time.random() < 0.1) {
        this.#world.cover("repeated DEL");
        if (!(await this.#del(sandbox, attachment))) this.#world.cover("repeated DEL fails");
      }
    }
    sandbox.cleaned = true;
    this.#machine.sandboxes.delete(sandbox);
    this.#machine.buried.push(sandbox);
    if (this.#machine.buried.length > BURIED) this.#machine.buried.shift();
  }

  async #add(sandbox: Sandbox, attachment: Attachment, network: Network): Promise<Answer> {
    if (this.#go) return this.#addByGo(this.#go, sandbox, attachment, network);
    let isGone = false;
    const call = this.#machine.call(frameOf("ADD", sandbox, attachment), () => isGone);
    const isHasty = this.#world.time.random() < 0.02;
    const patience = isHasty ? 5_000 * this.#world.time.random() : PATIENCE;
    const timeout = sleep(this.clock, patience).then(() => undefined);
    const reply = await this.#process.live(Promise.race([call, timeout]));
    if (!reply) {
      isGone = true;
      this.#world.cover("runtime gives up");
      return undefined;
    }
    if (reply.exit !== 0) return undefined;
    const result: { ips?: { address: string }[] } = JSON.parse(reply.stdout);
    return (result.ips ?? []).map(({ address }) => address);
  }

  async #del(sandbox: Sandbox, attachment: Attachment): Promise<boolean> {
    if (this.#go) return this.#delByGo(this.#go, sandbox, attachment);
    const now = this.#world.network(attachment.network, "berth");
    // libcni keeps the configuration of the ADD; where its cache is lost, DEL comes with today's.
    const isCacheLost = now !== undefined && this.#world.time.random() < 0.1;
    const stdin = isCacheLost ? netconf(now) : attachment.stdin;
    const call = this.#machine.call(frameOf("DEL", sandbox, { ...attachment, stdin }), () => false);
    const reply = await this.#process.live(call);
    this.#world.trace(
      () => `${this.name}: DEL ${sandbox.podref} ${attachment.ifname} in ${sandbox.id}: exit ${reply.exit}`,
    );
    if (reply.exit !== 0) return false;
    if (!this.#world.isForgiving && !this.#machine.owes(sandbox.id, attachment.ifname))
      this.#world.ledger.checkReleased(sandbox.id, attachment.ifname);
    return true;
  }

  async #addByGo(
    go: GoWhereabouts,
    { podref, id }: Sandbox,
    { ifname }: Attachment,
    network: Network,
  ): Promise<Answer> {
    const ips: string[] = [];
    for (const [range = ""] of network.ranges.map((text) => text.split(" -"))) {
      const address = await go.add({ podref, ifname, id }, range);
      if (!address) return undefined;
      ips.push(`${formatAddress(address)}/${range.split("/")[1]}`);
    }
    return ips;
  }

  async #delByGo(
    go: GoWhereabouts,
    { podref, id }: Sandbox,
    { ifname, stdin }: Attachment,
  ): Promise<boolean> {
    const { ipam }: { ipam: { ipRanges: { range: string }[] } } = JSON.parse(stdin);
    for (const { range } of ipam.ipRanges) if (!(await go.del({ podref, ifname, id }, range))) return false;
    return true;
  }
}

/** One pod on its node, from its first sandbox to its end. */
class Worker {
  readonly #pod: Pod;
  readonly #kubelet: Kubelet;
  #sandbox: Sandbox | undefined;
  #isEnding = false;
  #wake: (() => void) | undefined;

  constructor(pod: Pod, kubelet: Kubelet) {
    this.#pod = pod;
    this.#kubelet = kubelet;
  }

  get isReady(): boolean {
    return this.#sandbox !== undefined && !this.#sandbox.dead;
  }

  terminate(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#wake?.();
  }

  renew(): void {
    if (!this.#sandbox) return;
    this.#kubelet.kill(this.#sandbox);
    this.#wake?.();
  }

  async run(): Promise<void> {
    const kubelet = this.#kubelet;
    for (let pause = 500; !this.#isEnding; ) {
      this.#sandbox = await kubelet.setUp(this.#pod);
      if (this.#isEnding) break;
      if (this.#sandbox) {
        pause = 500;
        await this.#woken();
        kubelet.kill(this.#sandbox);
        if (!this.#isEnding) void kubelet.cleanUp(this.#sandbox);
      } else {
        await this.#woken(pause * (0.5 + kubelet.world.time.random()));
        pause = Math.min(10_000, pause * 2);
      }
    }
    for (const sandbox of kubelet.remains(this.#pod.uid)) kubelet.kill(sandbox);
    await Promise.all(kubelet.remains(this.#pod.uid).map((sandbox) => kubelet.cleanUp(sandbox)));
    while (!kubelet.world.podEnded(this.#pod, kubelet.name)) await sleep(kubelet.clock, 1_000);
  }

  /** Until something happens to the pod, or so many milliseconds have passed. */
  async #woken(limit?: number): Promise<void> {
    if (this.#isEnding) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = limit === undefined ? undefined : this.#kubelet.clock.after(limit, resolve);
    await promise;
    timer?.cancel();
    this.#wake = undefined;
  }
}

function frameOf(verb: "ADD" | "DEL", sandbox: Sandbox, { ifname, stdin }: Attachment): CallFrame {
  const [namespace, name] = sandbox.podref.split("/");
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${sandbox.uid}`;
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: sandbox.id,
    CNI_NETNS: `/var/run/netns/${sandbox.id}`,
    CNI_IFNAME: ifname,
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: args,
  };
  return { plugin: "whereabouts", timeout: PATIENCE, env, stdin };
}
