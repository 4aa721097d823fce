import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Random } from "../random.ts";
import { addressesOf, call, DIST, heldIn, start, whereabouts, withFolder } from "./plugin.ts";

// The one-shot plugin itself: the shim would let its child finish.
const ONE_SHOT = [`${DIST}/berth`, "cni", "--plugin", "whereabouts"];

const KILLS = 1000;
const PODS = 40;
const IN_FLIGHT = 4;

test(
  `${KILLS} times kill -9 of ADD and DEL: no duplicate, no half ADD, nothing left at the end`,
  () =>
    withFolder(async (database) => {
      const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
      const source = new Random(seed);
      const random = () => source.next();
      const config = whereabouts(database, { ipRanges: [{ range: "10.0.0.0/24" }, { range: "fd00::/64" }] });
      const tally = { killed: 0, finished: 0, addAnswered: 0, addKilledAfterCommit: 0, addKilledBefore: 0 };
      // What the last answered call of a pod promised, until another one for it starts.
      const promised = new Map<string, string[]>();
      // One call at a time for a pod, as a runtime does; several pods at once.
      const idle = Array.from({ length: PODS }, (_, index) => `p${index}`);
      let left = KILLS;
      // What an undisturbed call takes on this machine right now, in milliseconds: half of the kills shall come in time.
      let usual = 50;

      async function worker(): Promise<void> {
        while (left-- > 0) {
          const pod = idle.splice(Math.floor(random() * idle.length), 1)[0];
          if (pod === undefined) throw new Error("more workers than pods");
          const verb = random() < 0.6 ? "ADD" : "DEL";
          const heldBy = () =>
            (existsSync(database) ? heldIn(database) : []).filter((row) => row.pod === pod);
          const promise = promised.get(pod);
          if (promise) expect(heldBy().map(({ address }) => address)).toEqual(promise);
          promised.delete(pod);
          const child = start({ verb, pod, config, command: ONE_SHOT });
          const started = performance.now();
          const spared = random() < 0.1; // to measure by
          const killer = spared ? undefined : setTimeout(() => child.kill("SIGKILL"), random() * usual * 2);
          const stdout = await new Response(child.stdout).text();
          const exit = await child.exited;
          clearTimeout(killer);
          if (spared) usual += (performance.now() - started - usual) / 4;
          if (child.signalCode === "SIGKILL") tally.killed++;
          else tally.finished++;
          const held = heldBy();
          expect([0, 2]).toContain(held.length); // whole or absent, after every single step
          if (verb === "ADD" && exit === 0) {
            tally.addAnswered++;
            expect(held.map(({ address }) => address).sort()).toEqual(addressesOf(stdout).map(hex).sort());
          } else if (verb === "ADD") {
            if (held.length > 0) tally.addKilledAfterCommit++;
            else tally.addKilledBefore++;
          }
          if (exit === 0)
            promised.set(
              pod,
              held.map(({ address }) => address),
            );
          if (verb === "DEL" && exit === 0) expect(held).toEqual([]);
          idle.push(pod);
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
      console.log(`kill -9, seed ${seed}: ${JSON.stringify(tally)}`);
      for (const count of Object.values(tally)) expect(count).toBeGreaterThan(KILLS / 200); // all of it was tried

      const held = heldIn(database);
      expect(new Set(held.map(({ address }) => address)).size).toBe(held.length);
      for (const pod of new Set(held.map((row) => row.pod))) {
        const families = held.filter((row) => row.pod === pod).map(({ address }) => address.length);
        expect(families.sort()).toEqual([32, 8].sort());
      }
      for (const [pod, addresses] of promised) {
        expect(held.filter((row) => row.pod === pod).map(({ address }) => address)).toEqual(addresses);
      }
      expectRunsToMatch(database);
      for (const pod of idle) expect((await call({ verb: "DEL", pod, config })).exit).toBe(0);
      expect(heldIn(database)).toEqual([]);
      expectRunsToMatch(database);
    }),
  300_000,
);

test(
  "200 processes at once on a new database: all succeed, no duplicate, nothing left after their DELs",
  () =>
    withFolder(async (database) => {
      const config = whereabouts(database, { range: "10.0.0.0/16" });
      const pods = Array.from({ length: 200 }, (_, index) => `p${index}`);
      const added = await Promise.all(pods.map((pod) => call({ verb: "ADD", pod, config })));
      expect(added.filter(({ exit }) => exit !== 0)).toEqual([]);
      expect(new Set(added.flatMap(({ stdout }) => addressesOf(stdout))).size).toBe(200);
      const deleted = await Promise.all(pods.map((pod) => call({ verb: "DEL", pod, config })));
      expect(deleted.filter(({ exit }) => exit !== 0)).toEqual([]);
      expect(heldIn(database)).toEqual([]);
      const pools = Bun.spawnSync([
        `${DIST}/berth`,
        "pools",
        "-o",
        "json",
        "--database",
        database,
      ]).stdout.toString();
      expect(JSON.parse(pools)).toMatchObject([{ range: "10.0.0.0/16", used: "0", free: "65534" }]);
    }),
  120_000,
);

/** The database's form of an address of this test's ranges. */
function hex(address: string): string {
  if (!address.includes(":"))
    return address
      .split(".")
      .map((part) => Number(part).toString(16).padStart(2, "0"))
      .join("");
  return `fd00${address.replace("fd00::", "").padStart(28, "0")}`;
}

function expectRunsToMatch(database: string): void {
  const db = new Database(database, { readonly: true });
  db.run("PRAGMA busy_timeout = 10000"); // a killed writer leaves the next process a log to recover
  const claims = db.query<{ n: number }, []>("SELECT count(*) AS n FROM claim").get()?.n ?? 0;
  const runs = db.query<{ first: string; last: string }, []>("SELECT first, last FROM run").all();
  db.close();
  const covered = runs.reduce(
    (sum, { first, last }) => sum + BigInt(`0x${last}`) - BigInt(`0x${first}`) + 1n,
    0n,
  );
  expect(covered).toBe(BigInt(claims) * 2n); // in the pool's space and in the realm's
}
