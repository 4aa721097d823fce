import { expect, test } from "bun:test";
import { VirtualClock } from "../../../test/virtual-clock.ts";
import { sleep } from "../../clock.ts";
import { err, ok, type Result } from "../../result.ts";
import { settleBy } from "./settle.ts";

type Case = {
  readonly first: number;
  readonly second: number;
  readonly fails?: boolean;
  readonly goes?: number;
};

const [A, B] = [ok("a"), ok("b")];

test.each<[string, Case, readonly (Result<string, string> | undefined)[], number]>([
  ["all are waited for", { first: 100, second: 300 }, [A, B], 300],
  ["one that fails decides for all", { first: 100, second: 300, fails: true }, [err("no"), undefined], 100],
  ["the deadline ends it", { first: 900, second: 1_100 }, [A, undefined], 1_000],
  ["a caller who hangs up is seen", { first: 400, second: 900, goes: 300 }, [A, undefined], 500],
])("%s", async (_, { first, second, fails = false, goes = Number.POSITIVE_INFINITY }, results, ms) => {
  const clock = new VirtualClock();
  const start = clock.elapsed();
  const deadline = start + 1_000;
  const caller = { deadline, gone: () => clock.elapsed() - start >= goes };
  const waiting: Promise<Result<string, string>>[] = [
    sleep(clock, first).then(() => (fails ? err("no") : A)),
    sleep(clock, second).then(() => B),
  ];
  expect(await clock.run(settleBy(deadline, caller, clock, waiting))).toEqual(results);
  expect(clock.elapsed() - start).toBe(ms);
});
