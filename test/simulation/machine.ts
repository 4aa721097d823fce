import type { CallFrame } from "../../src/cni/wire.ts";
import type { Reply } from "../../src/ipam/invoke.ts";
import type { Log } from "../../src/log.ts";
import { oneShot, SimulatedAgent, type Surroundings } from "./agent.ts";
import { Disk, type Files } from "./disk.ts";
import { openJournal, openSliceJournals } from "./journals.ts";
import { Kubelet } from "./kubelet.ts";
import { type Drift, Process } from "./process.ts";
import type { NodeSpec } from "./scenario.ts";
import type { World } from "./world.ts";

/** One attachment of a sandbox, with the configuration of its ADD as libcni keeps it for DEL. */
export type Attachment = {
  readonly ifname: string;
  readonly network: string;
  readonly stdin: string;
  /** What its ADD has printed. */
  result?: string;
};

/** What the container runtime knows of a sandbox; kept on disk until all its DELs are answered. */
export type Sandbox = {
  readonly id: string;
  readonly podref: string;
  readonly uid: string;
  readonly attachments: Attachment[];
  dead: boolean;
  cleaned: boolean;
};

/** A node: power, disk, clock, the agent, and the kubelet with its runtime. */
export class Machine {
  readonly name: string;
  readonly kind: NodeSpec["kind"];
  readonly drift: Drift;
  readonly disk = new Disk();
  /** On disk: survives reboots. */
  readonly sandboxes = new Set<Sandbox>();
  /** Sandboxes that are gone, for DELs that come late. */
  readonly buried: Sandbox[] = [];
  readonly #world: World;
  #snapshot: Files | undefined;
  #agent: { process: Process; agent: SimulatedAgent } | undefined;
  #kubelet: Kubelet | undefined;
  /** One for each time that the machine was switched on. */
  #power: Process | undefined;

  constructor(spec: NodeSpec, world: World) {
    this.name = spec.name;
    this.kind = spec.kind;
    this.drift = { offset: 0, rate: spec.drift };
    this.#world = world;
  }

  get isUp(): boolean {
    return this.#power !== undefined;
  }

  get kubelet(): Kubelet | undefined {
    return this.#kubelet;
  }

  /** Calls that the journal owes. */
  get owed(): number {
    return this.disk.files.pending.size;
  }

  /** Whether the journal owes a call for an interface. */
  owes(sandbox: string, ifname: string): boolean {
    return [...this.disk.files.pending.values()].some(
      ({ call: { env } }) => env.CNI_CONTAINERID === sandbox && env.CNI_IFNAME === ifname,
    );
  }

  boot(): void {
    if (this.#power) return;
    this.#world.trace(() => `${this.name} boots`);
    this.#power = this.#process();
    if (this.kind === "berth") this.startAgent();
    this.#kubelet = new Kubelet(this, this.#world, this.#power);
    this.#kubelet.start();
  }

  /** All processes end at once, and all sandboxes with them. */
  powerOff(): void {
    if (!this.#power) return;
    this.#world.trace(() => `${this.name} goes down`);
    this.crashAgent();
    this.#power.kill();
    this.#power = undefined;
    this.#kubelet = undefined;
    this.disk.loseCache();
    for (const sandbox of this.sandboxes) {
      sandbox.dead = true;
      for (const { ifname } of sandbox.attachments) this.#world.ledger.end(sandbox.id, ifname);
    }
  }

  startAgent(): void {
    if (this.#agent || !this.#power || this.kind !== "berth") return;
    const process = this.#process();
    try {
      this.#agent = { process, agent: new SimulatedAgent(this.#surroundings(process)) };
    } catch (error) {
      process.kill();
      throw error;
    }
    this.#world.trace(() => `${this.name}: the agent starts, ${this.owed} calls owed`);
  }

  crashAgent(): void {
    if (!this.#agent) return;
    this.#world.trace(() => `${this.name}: the agent dies`);
    this.#agent.process.kill();
    this.#agent = undefined;
  }

  takeSnapshot(): void {
    this.#snapshot = this.disk.snapshot();
  }

  restoreSnapshot(): void {
    if (this.#snapshot) this.disk.restore(this.#snapshot);
  }

  /** As the shim does it: the agent, or a process of its own where none answers or the answer breaks off. */
  async call(frame: CallFrame, gone: () => boolean): Promise<Reply> {
    const agent = this.#agent;
    if (agent) {
      const broken = new Promise<undefined>((resolve) => agent.process.onKill(() => resolve(undefined)));
      const reply = await Promise.race([agent.process.live(agent.agent.answer(frame, gone)), broken]);
      if (reply) return reply;
    }
    if (!this.#power) return new Promise(() => undefined);
    this.#world.cover("one shot");
    const process = this.#process();
    this.#power.onKill(() => process.kill());
    const work = oneShot(this.#surroundings(process), frame).catch((error: unknown) => failedBy(error));
    const reply = await process.live(work);
    process.kill();
    return reply;
  }

  #process(): Process {
    return new Process(this.#world.time, this.drift);
  }

  #surroundings(process: Process): Surroundings {
    const world = this.#world;
    const log: Log = (level, msg, fields) =>
      world.trace(() => `${this.name}: ${level} ${msg} ${JSON.stringify(fields ?? {})}`);
    const { wire, storage, slices, store } = world.defect;
    const connected = world.connect(this.name);
    const powerFails = () => world.reboot(this.name, 5_000);
    const opened = openJournal(this.disk, process, powerFails);
    const journals = openSliceJournals(this.disk, process, powerFails, (row) =>
      world.ledger.rowChanged(row.pool, row.offset, row.held),
    );
    return {
      node: this.name,
      process,
      wire: wire ? wire(connected, process) : connected,
      storage: storage ? storage(opened) : opened,
      slices: slices ? slices(journals) : journals,
      writeDelay: world.scenario.writeDelay,
      log,
      ...(store && { store }),
    };
  }
}

function failedBy(error: unknown): Reply {
  const msg = error instanceof Error ? error.message : String(error);
  return { stdout: JSON.stringify({ code: 5, msg }), stderr: "", exit: 1, code: 5 };
}
