import { sleep } from "../../src/clock.ts";
import { CniCode } from "../../src/cni/error.ts";
import type { CallFrame } from "../../src/cni/wire.ts";
import type { Reply } from "../../src/ipam/invoke.ts";
import { GoPlugin } from "./go-plugin.ts";
import type { Attachment, Machine, Sandbox } from "./machine.ts";
import { frameOf, netconf, networkFrame, PATIENCE } from "./netconf.ts";
import type { Process } from "./process.ts";
import type { Network } from "./scenario.ts";
import { Worker } from "./worker.ts";
import type { Pod, World } from "./world.ts";

/** Milliseconds between two looks at everything, as kubelet has them beside its watch. */
const RESYNC = 20_000;
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
  readonly #go: GoPlugin | undefined;
  /** ADDs and DELs under way, and who waits for their end. */
  #calls = 0;
  #idle: (() => void) | undefined;
  #collecting: Promise<void> | undefined;

  constructor(machine: Machine, world: World, process: Process) {
    this.#machine = machine;
    this.#world = world;
    this.#process = process;
    if (machine.kind === "go") this.#go = new GoPlugin(process, world.connect(machine.name));
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
      const attachment: Attachment = { ifname: `net${index + 1}`, network: name, stdin: netconf(network) };
      sandbox.attachments.push(attachment);
      const ips = await this.#outsideGc(() => this.#add(sandbox, attachment, network));
      if (!ips) return this.#giveUp(sandbox);
      this.#begin(sandbox, attachment, network, ips);
    }
    return sandbox;
  }

  /** The interface is there, with these addresses. */
  #begin(sandbox: Sandbox, { ifname }: Attachment, network: Network, ips: readonly string[]): void {
    const { ledger, scenario } = this.#world;
    const { id, podref, uid } = sandbox;
    this.#world.trace(() => `${this.name}: ${podref} ${ifname} in ${id} has ${ips.join(" ")}`);
    if (ips.length !== network.ranges.length)
      ledger.fail("whole", `${podref} is told ${ips.length} of ${network.ranges.length} addresses`);
    const user = { podref, uid, ifname, node: this.name, sandbox: id, isGo: this.#go !== undefined };
    const { networkName, overlapCheck, sliceSize } = network;
    ledger.begin(user, {
      networkName,
      overlapCheck,
      ips,
      isSliced: sliceSize !== undefined,
      isWrittenThrough: scenario.writeDelay === 0,
      rowOf: (pool, offset) => this.#machine.disk.files.rows?.get(`${pool}/${offset}`),
    });
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
    void this.#outsideGc(() => this.#del(sandbox, attachment));
  }

  /**
   * CNI GC of a network: the runtime names the attachments that live or still await their DEL. While it runs there is no ADD or
   * DEL (CNI specification 1.1, "Lifecycle & Ordering").
   */
  async collect(network: Network): Promise<void> {
    if (this.#go || this.#collecting) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#collecting = promise;
    if (this.#calls > 0)
      await new Promise<void>((idle) => {
        this.#idle = idle;
      });
    const valid = [...this.#machine.sandboxes].flatMap(({ id, attachments }) =>
      attachments
        .filter((one) => one.network === network.name)
        .map(({ ifname }) => ({ containerID: id, ifname })),
    );
    await this.#call(networkFrame("GC", network, { "cni.dev/valid-attachments": valid }));
    this.#collecting = undefined;
    resolve();
  }

  /** Carries out an ADD or DEL when no GC is under way. */
  async #outsideGc<T>(work: () => Promise<T>): Promise<T> {
    while (this.#collecting) await this.#collecting;
    this.#calls++;
    const result = await work();
    this.#calls--;
    if (this.#calls === 0) this.#idle?.();
    return result;
  }

  /** Asks for everything that lives here whether it is as it should be, and for what is gone; says what is wrong. */
  async examine(): Promise<string[]> {
    if (this.#go) return [];
    const wrong: string[] = [];
    for (const network of this.#world.networks()) {
      const { code } = await this.#call(networkFrame("STATUS", network));
      if (code !== 0) wrong.push(`STATUS of ${network.name} on ${this.name} says ${code}`);
    }
    for (const sandbox of [...this.#machine.sandboxes, ...this.#machine.buried]) {
      for (const attachment of sandbox.attachments) {
        const problem = await this.check(sandbox, attachment, true);
        if (problem !== undefined) wrong.push(problem);
      }
    }
    return wrong;
  }

  /** CHECK of something that lives or is gone, chosen by chance. */
  checkSome(): void {
    const { sandboxes, buried } = this.#machine;
    const all = [...sandboxes, ...buried];
    const sandbox = all[Math.floor(this.#world.time.random() * all.length)];
    const attachment = sandbox?.attachments[0];
    if (!sandbox || !attachment || this.#go) return;
    void this.check(sandbox, attachment, false).then((problem) => {
      if (problem !== undefined) this.#world.ledger.fail("CHECK", problem);
    });
  }

  /** What is wrong with the answer of CHECK. `mustKnow`: there is no reason for which the plugin could not tell. */
  async check(sandbox: Sandbox, attachment: Attachment, mustKnow: boolean): Promise<string | undefined> {
    const { result, ifname } = attachment;
    if (result === undefined) return undefined; // its ADD did not end
    const wasAlive = !sandbox.dead && !this.#world.ledger.isDamaged(sandbox.id, ifname);
    // A disk that lied may have forgotten the DEL.
    const wasGone =
      sandbox.cleaned && !this.#machine.owes(sandbox.id, ifname) && !this.#world.liars.has(this.name);
    const stdin = JSON.stringify({ ...JSON.parse(attachment.stdin), prevResult: JSON.parse(result) });
    const { code } = await this.#call(frameOf("CHECK", sandbox, { ifname, stdin }));
    this.#world.cover(`CHECK of ${wasAlive ? "the living" : "the dead"}: ${code}`);
    if (code === CniCode.tryAgainLater && !mustKnow) return undefined;
    if (wasAlive && !sandbox.dead && code !== 0)
      return `CHECK of ${sandbox.podref} ${ifname} in ${sandbox.id} on ${this.name}, which lives, says ${code}`;
    if (wasGone && code !== CniCode.checkFailed && !this.#world.strays.has(sandbox.id))
      return `CHECK of ${sandbox.podref} ${ifname} in ${sandbox.id} on ${this.name}, which is gone, says ${code}`;
    return undefined;
  }

  #call(frame: CallFrame): Promise<Reply> {
    return this.#process.live(this.#machine.call(frame, () => false));
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
      const del = () => this.#outsideGc(() => this.#del(sandbox, attachment));
      for (let pause = 500; !(await del()); pause = Math.min(10_000, pause * 2)) {
        await sleep(this.clock, pause * (0.5 + this.#world.time.random()));
      }
      // Runtimes repeat DELs as they like.
      if (this.#world.time.random() < 0.1) {
        this.#world.cover("repeated DEL");
        if (!(await del())) this.#world.cover("repeated DEL fails");
      }
    }
    sandbox.cleaned = true;
    this.#machine.sandboxes.delete(sandbox);
    this.#machine.buried.push(sandbox);
    if (this.#machine.buried.length > BURIED) this.#machine.buried.shift();
  }

  async #add(sandbox: Sandbox, attachment: Attachment, network: Network): Promise<Answer> {
    if (this.#go) return this.#go.add(sandbox, attachment, network);
    let isGone = false;
    const call = this.#machine.call(frameOf("ADD", sandbox, attachment), () => isGone);
    const isHasty = this.#world.time.random() < 0.02;
    const patience = isHasty ? 5_000 * this.#world.time.random() : PATIENCE;
    const timeout = sleep(this.clock, patience).then(() => undefined);
    const reply = await this.#process.live(Promise.race([call, timeout]));
    if (!reply) {
      // Its process lives on, and may write after the DEL.
      isGone = true;
      this.#world.strays.add(sandbox.id);
      this.#world.cover("runtime gives up");
      return undefined;
    }
    if (reply.exit !== 0) return undefined;
    attachment.result = reply.stdout;
    const result: { ips?: { address: string }[] } = JSON.parse(reply.stdout);
    return (result.ips ?? []).map(({ address }) => address);
  }

  async #del(sandbox: Sandbox, attachment: Attachment): Promise<boolean> {
    if (this.#go) return this.#go.del(sandbox, attachment);
    const now = this.#world.network(attachment.network, "berth");
    // libcni keeps the configuration of the ADD; where its cache is lost, DEL comes with today's.
    const isCacheLost = now !== undefined && this.#world.time.random() < 0.1;
    const stdin = isCacheLost ? netconf(now) : attachment.stdin;
    const { ifname } = attachment;
    const reply = await this.#call(frameOf("DEL", sandbox, { ifname, stdin }));
    this.#world.trace(
      () => `${this.name}: DEL ${sandbox.podref} ${ifname} in ${sandbox.id}: exit ${reply.exit}`,
    );
    if (reply.exit !== 0) return false;
    if (!this.#world.strays.has(sandbox.id) && !this.#machine.owes(sandbox.id, ifname))
      this.#world.ledger.checkReleased(sandbox.id, ifname, (pool) => this.#isBehind(pool));
    return true;
  }

  /** Whether the API server hears of changes of this pool later. */
  #isBehind(pool: string): boolean {
    if (this.#world.scenario.writeDelay === 0) return false;
    return [...(this.#machine.disk.files.rows?.values() ?? [])].some((row) => row.pool === pool);
  }
}
