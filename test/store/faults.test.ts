import { describe, expect, test } from "bun:test";
import type { Change } from "../../src/allocation/claim.ts";
import { acquire } from "../../src/store/contract.ts";
import { BLOWS, type Blow, describeBlow, Trial } from "./killing.ts";
import { entriesOf, looseReservations, reservationsOf, shared, unreserved } from "./ledger.ts";

/** No scenario asks more often. */
const MOST_CALLS = 60;
const DUAL = ["10.0.0.0/24", "fd00::/64"];

type Scenario = {
  readonly name: string;
  /** Done before in peace. */
  readonly before: readonly Change[];
  /** All at once, each a commit of its own. */
  readonly changes: readonly Change[];
};

const pods = ["a", "b", "c", "d"];
const release = (pod: string) => ({ kind: "release", sandbox: `sandbox-${pod}`, ifname: "net1" }) as const;
const SCENARIOS: readonly Scenario[] = [
  { name: "ADD into a new pool", before: [], changes: [acquire(DUAL, { pod: "a" })] },
  {
    name: "ADD into a pool that exists",
    before: [acquire(DUAL, { pod: "z" })],
    changes: [acquire(DUAL, { pod: "a" })],
  },
  {
    name: "ADD again with another sandbox",
    before: [acquire(DUAL, { pod: "a", sandbox: "old" })],
    changes: [acquire(DUAL, { pod: "a" })],
  },
  {
    name: "four ADDs at once",
    before: [acquire(DUAL, { pod: "z" })],
    changes: pods.map((pod) => acquire(DUAL, { pod })),
  },
  {
    name: "DEL",
    before: [acquire(DUAL, { pod: "z" }), acquire(DUAL, { pod: "a" })],
    changes: [release("a")],
  },
  {
    name: "ADDs and DELs at once",
    before: pods.slice(0, 2).map((pod) => acquire(DUAL, { pod })),
    changes: [...pods.slice(0, 2).map(release), ...pods.slice(2).map((pod) => acquire(DUAL, { pod }))],
  },
];

/** What must hold whatever happened, once everything that still runs has come to rest. */
function checkInvariants({ double }: Trial): void {
  expect(shared(double)).toEqual([]);
  expect(unreserved(double)).toEqual([]);
}

const podOf = (change: Change) => (change.kind === "acquire" ? change.owner.pod.name : "");

async function strike(scenario: Scenario, staying: boolean, at: number, blow: Blow): Promise<boolean> {
  const trial = new Trial();
  const { double } = trial;
  const peace = trial.open(false).store;
  for (const change of scenario.before) await trial.clock.run(peace.commit([change]));
  const { store, wire } = trial.open(staying, at, blow);
  const heard = await trial.commit(store, scenario.changes);
  checkInvariants(trial);
  const isDead = wire.struck !== undefined && (blow.kind === "die before" || blow.kind === "die after");
  // A dead process tells nobody that it ran into its deadline.
  const outcomes = isDead
    ? heard.map((outcome) => (outcome?.startsWith("store") ? undefined : outcome))
    : heard;
  for (const [index, change] of scenario.changes.entries()) {
    const outcome = outcomes[index];
    if (!isDead) expect(outcome).toBeDefined();
    const mine = entriesOf(double).filter((entry) => entry.includes(` default/${podOf(change)} `));
    // All or nothing once it is answered; and what a refused ADD did not hold before, it does not hold now.
    if (change.kind === "acquire" && outcome !== undefined) {
      const held = scenario.before.some((earlier) => podOf(earlier) === podOf(change));
      expect(mine.length).toBe(outcome.startsWith("10.") || held ? 2 : 0);
    }
    if (change.kind === "release" && outcome?.startsWith("10.")) {
      expect(entriesOf(double).filter((entry) => entry.includes(` ${change.sandbox} `))).toEqual([]);
    }
  }
  store.close();

  // The same calls again, by a process that knows nothing of the first.
  const second = trial.open(!staying).store;
  for (const [index, outcome] of (await trial.commit(second, scenario.changes)).entries()) {
    if (scenario.changes[index]?.kind === "acquire")
      expect(outcome).toMatch(/^10\.0\.0\.\d+ fd00::[0-9a-f]+$/);
    else expect(outcome).not.toMatch(/^store/);
    const first = outcomes[index];
    // What was acknowledged stays as it is.
    if (scenario.changes[index]?.kind === "acquire" && first?.startsWith("10.")) expect(outcome).toBe(first);
  }
  checkInvariants(trial);
  // What a dead process has reserved may lie elsewhere than what its successor takes; DEL finds it, or the reconciler.
  if (!isDead) expect(looseReservations(double)).toEqual([]);

  // And when all pods end, nothing is left of them.
  const everyone = ["z", ...pods];
  await trial.commit(second, everyone.map(release));
  expect([...entriesOf(double), ...reservationsOf(double)]).toEqual([]);
  second.close();
  await trial.clock.advance(1_000);
  return wire.struck !== undefined;
}

describe.each([true, false])("every API call of every verb is struck (agent: %p)", (staying) => {
  for (const scenario of SCENARIOS) {
    for (const blow of BLOWS) {
      test(`${scenario.name}, ${describeBlow(blow)}`, async () => {
        let at = 1;
        while (at <= MOST_CALLS && (await strike(scenario, staying, at, blow))) at++;
        expect(at).toBeGreaterThan(1);
        expect(at).toBeLessThan(MOST_CALLS);
      }, 60_000);
    }
  }
});
