import { expect, test } from "bun:test";
import { VirtualClock } from "../../../test/virtual-clock.ts";
import { Pace } from "./pace.ts";

test("a burst goes at once, what follows at the rate, and after a rest there is a burst again", async () => {
  const clock = new VirtualClock();
  const pace = new Pace(clock, 4, 20);
  const gone: number[] = [];
  const ask = (count: number) => {
    for (let index = 0; index < count; index++) void pace.turn().then(() => gone.push(clock.elapsed()));
  };
  const start = clock.elapsed();
  ask(7);
  await clock.advance(100);
  expect(gone.map((at) => at - start)).toEqual([0, 0, 0, 0, 20, 40, 60]);
  gone.length = 0;
  await clock.advance(1_000);
  const later = clock.elapsed();
  ask(5);
  await clock.advance(100);
  expect(gone.map((at) => at - later)).toEqual([0, 0, 0, 0, 20]);
});
