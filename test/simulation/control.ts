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

/** One copy of the reconciler, one of which is elected at a time. */
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
    const schedule = new Schedule({ mounted: () => undefined, flatFile: () => undefined }, log);
    const events = new EventRecorder({ client, clock, log, component: "berth-reconciler" });
    const metrics = new ReconcilerMetrics(schedule, () => true);
    const reconciler = new Reconciler({ client, clock, log, schedule, events, metrics, grace });
    const identity = `${this.name}-${++this.#lives}`;
    const lead = (signal: AbortSignal) => reconciler.run(signal);
    new Election({
      client,
      clock,
      log,
      name: "berth-reconciler",
      namespace: NAMESPACE,
      identity,
      lead,
    }).start();
  }

  crash(): void {
    this.#process?.kill();
    this.#process = undefined;
  }
}
