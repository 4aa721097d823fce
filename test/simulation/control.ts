import { Controller } from "../../src/controller/controller.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { Election } from "../../src/kube/leader.ts";
import type { Log } from "../../src/log.ts";
import { ReconcilerMetrics } from "../../src/reconciler/metrics.ts";
import { DEFAULT_GRACE, Reconciler } from "../../src/reconciler/reconciler.ts";
import { Schedule } from "../../src/reconciler/schedule.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** One copy of reconciler and controller; for each of the two one copy is elected at a time. */
export class Control {
  readonly name: string;
  readonly #world: World;
  #process: Process | undefined;
  #lives = 0;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
  }

  start(): void {
    if (this.#process) return;
    const world = this.#world;
    const process = new Process(world.time, { offset: 0, rate: 0 });
    this.#process = process;
    const { clock } = process;
    const { wire, grace = DEFAULT_GRACE } = world.defect;
    const connected = world.connect(this.name);
    const client = new Client(process.wire(wire ? wire(connected, process) : connected), clock, {
      namespace: NAMESPACE,
    });
    const log: Log = (level, msg, fields) =>
      world.trace(() => `${this.name}: ${level} ${msg} ${JSON.stringify(fields ?? {})}`);
    const identity = `${this.name}-${++this.#lives}`;
    const recorder = (component: string) => new EventRecorder({ client, clock, log, component });
    const elect = (name: string, lead: (signal: AbortSignal) => Promise<void>) =>
      new Election({ client, clock, log, name, namespace: NAMESPACE, identity, lead }).start();
    const schedule = new Schedule({ mounted: () => undefined, flatFile: () => undefined }, log);
    const metrics = new ReconcilerMetrics(schedule, () => true);
    const events = recorder("berth-reconciler");
    const reconciler = new Reconciler({ client, clock, log, schedule, events, metrics, grace });
    elect("berth-reconciler", (signal) => reconciler.run(signal));
    if (!world.hasSlices) return;
    const told = recorder("berth-controller");
    elect("berth-controller", (signal) => new Controller({ client, clock, log, events: told }).run(signal));
  }

  crash(): void {
    this.#process?.kill();
    this.#process = undefined;
  }
}
