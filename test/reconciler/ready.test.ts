import { expect, test } from "bun:test";
import { Controller } from "../../src/controller/controller.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { ReconcilerMetrics } from "../../src/reconciler/metrics.ts";
import { Reconciler } from "../../src/reconciler/reconciler.ts";
import { Schedule } from "../../src/reconciler/schedule.ts";
import { Double } from "../apiserver/double.ts";
import { keepingCrds, NAMESPACE } from "../store/cluster.ts";
import { VirtualClock } from "../virtual-clock.ts";

const FORBIDDEN = { code: 403, reason: "Forbidden", message: "nodes is forbidden" };
const log = () => undefined;

/** One part against an API server that refuses to list nodes, until `allow` is called. */
function part(kind: "reconciler" | "controller") {
  const clock = new VirtualClock();
  const double = new Double({ clock, crds: keepingCrds() });
  const client = new Client(double.connect({ client: kind }), clock, { namespace: NAMESPACE });
  const events = new EventRecorder({ client, clock, log, component: kind });
  const schedule = new Schedule({ mounted: () => "30 4 * * *", flatFile: () => undefined }, log);
  const metrics = new ReconcilerMetrics(schedule, () => true);
  const refusal = double.faults.plant({ resource: "nodes" }, { do: "answer", failure: FORBIDDEN });
  const made =
    kind === "controller"
      ? new Controller({ client, clock, log, events })
      : new Reconciler({ client, clock, log, schedule, events, metrics, grace: 60_000 });
  return { clock, made, allow: () => refusal.remove() };
}

test.each(["reconciler", "controller"] as const)(
  "the %s is unready while it leads and has not listed everything, and says what it lacks",
  async (kind) => {
    const { clock, made, allow } = part(kind);
    const stop = new AbortController();
    const running = made.run(stop.signal);
    await clock.until(() => made.unready.join().includes("nodes is forbidden"));
    allow();
    await clock.until(() => made.unready.length === 0);
    stop.abort();
    await clock.run(running);
    expect(made.unready).toEqual([]);
  },
);
