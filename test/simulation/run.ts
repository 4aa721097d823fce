import {
  IP_POOLS,
  type IPPool,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
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
  if (!world.isForgiving) world.cover("strict end");
  settle(world, "recovers", () => [...unready(world), ...owed(world), ...leaks(world)]);
  if (world.ledger.violation) return;
  world.deleteAll();
  settle(world, "nothing is left", () => [...unready(world), ...owed(world), ...leaks(world)]);
}

/** Lets time pass until nothing is left to do. */
function settle(world: World, rule: string, left: () => string[]): void {
  const end = world.time.elapsed() + RECOVERY;
  for (let open = left(); open.length > 0; open = left()) {
    if (world.time.elapsed() >= end) {
      world.ledger.fail(
        rule,
        `${RECOVERY / 60_000} min after the last fault: ${open.slice(0, 5).join("; ")}`,
      );
      return;
    }
    if (world.runTo(world.time.elapsed() + LOOK)) return;
  }
}

function unready(world: World): string[] {
  const left: string[] = [];
  for (const pod of world.pods.values()) {
    if (pod.isDeleting) left.push(`${pod.podref} does not end`);
    // One whose network was deleted waits for its administrator.
    else if (pod.networks.every((name) => world.network(name, "berth")) && !world.isReady(pod))
      left.push(`${pod.podref} has no addresses`);
  }
  return left;
}

function owed(world: World): string[] {
  const machines = [...world.machines.values()].filter(({ owed, isUp }) => isUp && owed > 0);
  return machines.map(({ name, owed }) => `${name} owes ${owed} calls`);
}

/** Entries and reservations that no living interface uses. Go's, which have no uid, count for any pod of the name. */
function leaks(world: World): string[] {
  const { double, ledger } = world;
  const left: string[] = [];
  const used = new Set<string>();
  for (const object of double.objects(IP_POOLS)) {
    const { metadata, spec } = object as unknown as IPPool;
    for (const [offset, { podref, id, ifname, uid }] of Object.entries(spec.allocations)) {
      used.add(`${podref} ${ifname}`);
      if (
        !ledger.isUsed(metadata.name, offset) &&
        !((world.isForgiving || uid === undefined) && world.pods.has(podref))
      )
        left.push(`${metadata.name} holds ${offset} for ${podref} ${ifname} in ${id}, who does not use it`);
    }
  }
  for (const object of double.objects(RESERVATIONS)) {
    const { metadata, spec } = object as unknown as OverlappingRangeIPReservation;
    if (
      !used.has(`${spec.podref} ${spec.ifname}`) &&
      !((world.isForgiving || spec.uid === undefined) && world.pods.has(spec.podref))
    )
      left.push(`${metadata.name} is reserved for ${spec.podref} ${spec.ifname}, who has nothing`);
  }
  return left;
}
