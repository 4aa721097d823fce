import { expect, test } from "bun:test";
import { addressesOf, call, whereabouts, withFolder } from "./plugin.ts";
import { derivedRuns, expectNothingHeld, hexOf, snapshot } from "./support.ts";

const COUNT = 200;

test(
  `${COUNT} ADDs at once on one dual-stack pool, then ${COUNT} DELs at once`,
  () =>
    withFolder(async (database) => {
      const config = whereabouts(database, { ipRanges: [{ range: "10.60.0.0/16" }, { range: "fd60::/64" }] });
      const pods = Array.from({ length: COUNT }, (_, index) => `many${index}`);
      const all = (verb: string) => Promise.all(pods.map((pod) => call({ verb, pod, config })));

      const added = await all("ADD");
      expect(added.filter(({ exit }) => exit !== 0)).toEqual([]);
      const given = added.map(({ stdout }) => addressesOf(stdout));
      for (const addresses of given) expect(addresses).toHaveLength(2);
      expect(new Set(given.flat()).size).toBe(2 * COUNT);

      const { claims, runs } = snapshot(database);
      expect(claims.map(({ address }) => address).sort()).toEqual(given.flat().map(hexOf).sort());
      expect(runs).toEqual(derivedRuns(claims));

      const deleted = await all("DEL");
      expect(deleted.filter(({ exit }) => exit !== 0)).toEqual([]);
      expect(snapshot(database)).toEqual({ claims: [], runs: [] });
      expectNothingHeld(database);
    }),
  120_000,
);
