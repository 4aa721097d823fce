import { expect, test } from "bun:test";
import { VirtualClock } from "../../test/virtual-clock.ts";
import { Tidy } from "./tidy.ts";

test("memory goes back once after the start, and once after each burst, never amid calls", async () => {
  const clock = new VirtualClock();
  let collections = 0;
  const tidy = new Tidy(clock, () => collections++);
  await clock.advance(499);
  expect(collections).toBe(0);
  await clock.advance(1);
  expect(collections).toBe(1);

  for (let call = 0; call < 99; call++) tidy.called();
  await clock.advance(60_000);
  expect(collections).toBe(1); // so few calls leave little

  for (let call = 0; call < 50; call++) {
    tidy.called();
    await clock.advance(400);
    expect(collections).toBe(1);
  }
  await clock.advance(100);
  expect(collections).toBe(2);
  await clock.advance(60_000);
  expect(collections).toBe(2);

  for (let call = 0; call < 100; call++) tidy.called();
  tidy.stop();
  await clock.advance(60_000);
  expect(collections).toBe(2);
});
