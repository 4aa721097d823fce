import {
  IP_POOLS,
  type IPAllocation,
  type IPPool,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
import type { Defect } from "./defect.ts";
import type { Scenario } from "./scenario.ts";
import type { Violation } from "./violation.ts";
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
const QUIET = 120_000;

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
  if (world.strays.size === 0 && world.liars.size === 0) world.cover("strict end");
  settle(world, "recovers", () => [...unready(world), ...owed(world), ...leaks(world), ...unrecorded(world)]);
  if (!world.ledger.violation) examine(world);
  if (world.ledger.violation) return;
  world.deleteAll();
  settle(world, "nothing is left", () => [...unready(world), ...owed(world), ...leaks(world)]);
}

/** With all in order the plugins have to say so. */
function examine(world: World): void {
  // What was asked while nobody answered is given up by then.
  if (world.runTo(world.time.elapsed() + QUIET)) return;
  let wrong: readonly string[] | undefined;
  const kubelets = [...world.machines.values()].flatMap(({ kubelet }) => kubelet ?? []);
  void Promise.all(kubelets.map((kubelet) => kubelet.examine())).then((all) => {
    wrong = all.flat();
  });
  settle(world, "CHECK and STATUS", () => wrong ?? ["no answer yet"], 60_000);
}

/** Lets time pass until nothing is left to do. */
function settle(world: World, rule: string, left: () => readonly string[], within = RECOVERY): void {
  const end = world.time.elapsed() + within;
  for (let open = left(); open.length > 0; open = left()) {
    if (world.time.elapsed() >= end) {
      world.ledger.fail(rule, `${within / 60_000} min after the last fault: ${open.slice(0, 5).join("; ")}`);
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

function unrecorded(world: World): string[] {
  return world.ledger.unrecorded();
}

/** Entries and reservations that no living interface uses. */
function leaks(world: World): string[] {
  const { double, ledger } = world;
  const left: string[] = [];
  const used = new Set<string>();
  for (const object of double.objects(IP_POOLS)) {
    const { metadata, spec } = object as unknown as IPPool;
    for (const [offset, entry] of Object.entries(spec.allocations)) {
      const { podref, ifname, id } = entry;
      used.add(`${podref} ${ifname}`);
      if (!ledger.isUsed(metadata.name, offset) && !isExcused(world, entry))
        left.push(`${metadata.name} holds ${offset} for ${podref} ${ifname} in ${id}, who does not use it`);
    }
  }
  for (const object of double.objects(RESERVATIONS)) {
    const { metadata, spec } = object as unknown as OverlappingRangeIPReservation;
    const { podref, ifname, containerid } = spec;
    if (!used.has(`${podref} ${ifname}`) && !isExcused(world, { ...spec, id: containerid ?? "" }))
      left.push(`${metadata.name} is reserved for ${podref} ${ifname}, who has nothing`);
  }
  return left;
}

/** What nobody but the end of its pod tells to be left over. Go's records, which have no uid, count for any pod of the name. */
function isExcused(
  world: World,
  { id, podref, uid, node }: Pick<IPAllocation, "id" | "podref" | "uid" | "node">,
): boolean {
  const pod = world.pods.get(podref);
  if (!pod) return false;
  if (uid === undefined) return true;
  return pod.uid === uid && (world.strays.has(id) || (node !== undefined && world.liars.has(node)));
}
