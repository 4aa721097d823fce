import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { addressesOf, call, start, whereabouts, withFolder } from "./plugin.ts";
import { derivedRuns, expectNothingHeld, generator, hasOpen, hexOf, type Row, snapshot } from "./support.ts";

const KILLS = 1000;
const PODS = 48;
const IN_FLIGHT = 8;
const LONGEST_DELAY = 20; // milliseconds
const LOOK_EVERY = 20; // calls between two looks at the whole database while others write
const IPAM = { ipRanges: [{ range: "10.61.0.0/24" }, { range: "fd61::/64" }] };

function seedOf(): number {
  return Number(process.env.SEED ?? Date.now() % 2 ** 31);
}

/** What must hold at every moment. */
function expectSound(database: string): readonly Row[] {
  const { claims, runs } = snapshot(database);
  expect(new Set(claims.map(({ address }) => address)).size).toBe(claims.length);
  const widths = new Map<string, number[]>();
  for (const { pod, address } of claims) widths.set(pod, [...(widths.get(pod) ?? []), address.length]);
  for (const [pod, both] of widths) expect([pod, ...both.sort((a, b) => a - b)]).toEqual([pod, 8, 32]);
  expect(runs).toEqual(derivedRuns(claims));
  return claims;
}

/** The addresses of a result, whole or not there at all: a process may die while it prints. */
function printed(stdout: string): string[] | undefined {
  try {
    return addressesOf(stdout).map(hexOf).sort();
  } catch {
    return undefined; // it was killed before or while it printed
  }
}

test(
  `${KILLS} kills of ADD and DEL, ${IN_FLIGHT} in flight: whole or absent at every moment, nothing left`,
  () =>
    withFolder(async (database) => {
      const seed = seedOf();
      const random = generator(seed);
      const config = whereabouts(database, IPAM);
      const tally = {
        killed: 0,
        calls: 0,
        addBefore: 0,
        addAfter: 0,
        delBefore: 0,
        delAfter: 0,
        unharmed: 0,
      };
      const idle = Array.from({ length: PODS }, (_, index) => `kill${index}`);
      const known = new Map<string, readonly string[]>(); // what each idle pod must hold
      const held = (pod: string) =>
        (existsSync(database) ? snapshot(database).claims : [])
          .filter((row) => row.pod === pod)
          .map(({ address }) => address);

      /** Kills after the delay; half of the calls get as far as the database before it starts to run. */
      async function killer(child: ReturnType<typeof start>, aimed: boolean, delay: number): Promise<void> {
        const runs = () => child.exitCode === null && child.signalCode === null;
        while (aimed && runs() && !hasOpen(child.pid, database)) await Bun.sleep(1);
        await Bun.sleep(delay);
        if (runs()) child.kill("SIGKILL");
      }

      async function step(pod: string): Promise<void> {
        const before = known.get(pod) ?? [];
        const verb = random() < (before.length === 0 ? 0.85 : 0.25) ? "ADD" : "DEL";
        const child = start({ verb, pod, config });
        const kill = killer(child, random() < 0.5, random() * LONGEST_DELAY);
        const stdout = await new Response(child.stdout).text();
        const exit = await child.exited;
        await kill;
        const killed = child.signalCode === "SIGKILL";
        if (!killed)
          expect([verb, pod, exit, stdout.slice(0, exit === 0 ? 0 : 500)]).toEqual([verb, pod, 0, ""]);

        const after = held(pod);
        const result = verb === "ADD" ? printed(stdout) : undefined;
        if (result) expect(after).toEqual(result); // even of a process that died right after it printed
        if (verb === "ADD" && before.length > 0) expect(after).toEqual([...before]);
        if (verb === "DEL" && !killed) expect(after).toEqual([]);
        if (verb === "DEL" && after.length > 0) expect(after).toEqual([...before]);
        known.set(pod, after);

        tally.calls++;
        if (!killed) tally.unharmed++;
        else tally.killed++;
        if (!killed || before.length > 0 === (verb === "ADD")) return; // nothing to commit
        if (verb === "ADD") tally[after.length > 0 ? "addAfter" : "addBefore"]++;
        else tally[after.length > 0 ? "delBefore" : "delAfter"]++;
      }

      async function worker(): Promise<void> {
        while (tally.killed < KILLS) {
          // One call at a time for a pod, as a runtime does.
          const pod = idle.splice(Math.floor(random() * idle.length), 1)[0];
          if (pod === undefined) throw new Error("more workers than pods");
          await step(pod);
          idle.push(pod);
          if (tally.calls % LOOK_EVERY === 0 && existsSync(database)) expectSound(database);
        }
      }
      try {
        await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
      } finally {
        console.log(`kill.test.ts: SEED=${seed} ${JSON.stringify(tally)}`);
      }
      // Kills on both sides of both commits, or the test has shown nothing.
      for (const count of [tally.addBefore, tally.addAfter, tally.delBefore, tally.delAfter])
        expect(count).toBeGreaterThan(10);

      const claims = expectSound(database);
      for (const pod of idle) {
        const mine = claims.filter((row) => row.pod === pod).map(({ address }) => address);
        expect([pod, ...mine]).toEqual([pod, ...(known.get(pod) ?? [])]);
      }
      for (const pod of idle) expect((await call({ verb: "DEL", pod, config })).exit).toBe(0);
      expect(snapshot(database)).toEqual({ claims: [], runs: [] });
      expectNothingHeld(database);
    }),
  120_000,
);

test("kills of the very first ADD, while it makes the database: the next ADD and DEL work", async () => {
  const seed = seedOf();
  const random = generator(seed);
  const tally = { withoutFile: 0, withFile: 0, committed: 0, draftsLeft: 0 };
  for (let round = 0; round < 60; round++) {
    await withFolder(async (database, folder) => {
      const config = whereabouts(database, IPAM);
      const child = start({ verb: "ADD", pod: "first", config });
      const timer = setTimeout(() => child.kill("SIGKILL"), 8 + random() * LONGEST_DELAY);
      await child.exited;
      clearTimeout(timer);
      if (!existsSync(database)) tally.withoutFile++;
      else if (expectSound(database).length === 0) tally.withFile++;
      else tally.committed++;
      tally.draftsLeft += readdirSync(folder).filter((name) => name.startsWith(".")).length > 0 ? 1 : 0;
      const second = await call({ verb: "ADD", pod: "second", config });
      expect(second.exit, second.stdout).toBe(0);
      for (const pod of ["first", "second"]) expect((await call({ verb: "DEL", pod, config })).exit).toBe(0);
      expect(snapshot(database)).toEqual({ claims: [], runs: [] });
    });
  }
  console.log(`kill.test.ts: first ADD, SEED=${seed} ${JSON.stringify(tally)}`);
}, 60_000);
