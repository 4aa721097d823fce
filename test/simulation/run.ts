import type { Defect } from "./defect.ts";
import type { Violation } from "./ledger.ts";
import type { Scenario } from "./scenario.ts";
import { type Watcher, World } from "./world.ts";

/** What a run has shown. */
export type Outcome = {
  readonly violation: Violation | undefined;
  readonly steps: number;
  /** Milliseconds of virtual time. */
  readonly elapsed: number;
  readonly coverage: ReadonlyMap<string, number>;
  readonly given: number;
};

/** How long after the last fault everything has to be in order, in milliseconds of virtual time. */
const RECOVERY = 45 * 60_000;
const LOOK = 5_000;

/** Runs a scenario with all its faults, then without, until all is in order; or up to a violation. */
export function run(scenario: Scenario, defect: Defect = {}, watcher: Watcher = {}): Outcome {
  const world = new World(scenario, defect, watcher);
  world.runTo(scenario.duration);
  if (!world.ledger.violation) recover(world);
  return {
    violation: world.ledger.violation,
    steps: world.time.steps,
    elapsed: world.time.elapsed(),
    coverage: world.coverage,
    given: world.ledger.given,
  };
}

function recover(world: World): void {
  world.trace(() => "no faults any more");
  world.stopFaults();
  const end = world.time.elapsed() + RECOVERY;
  for (let left = leftToDo(world); left.length > 0; left = leftToDo(world)) {
    if (world.time.elapsed() >= end) {
      world.ledger.fail(
        "recovers",
        `${RECOVERY / 60_000} min after the last fault: ${left.slice(0, 5).join("; ")}`,
      );
      return;
    }
    if (world.runTo(world.time.elapsed() + LOOK)) return;
  }
}

function leftToDo(world: World): string[] {
  const left: string[] = [];
  for (const pod of world.pods.values()) {
    if (pod.networks.some((name) => !world.network(name, "berth"))) continue; // it waits for its administrator
    if (pod.isDeleting) left.push(`${pod.podref} does not end`);
    else if (!world.machines.get(pod.node)?.kubelet?.isReady(pod.uid))
      left.push(`${pod.podref} has no addresses`);
  }
  for (const machine of world.machines.values())
    if (machine.owed > 0 && machine.isUp) left.push(`${machine.name} owes ${machine.owed} calls`);
  return left;
}
