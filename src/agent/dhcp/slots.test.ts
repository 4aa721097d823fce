import { expect, test } from "bun:test";
import { VirtualClock } from "../../../test/virtual-clock.ts";
import { sleep } from "../../clock.ts";
import { Slots } from "./slots.ts";

test("so many run at once, the others in their order; who has waited too long goes without", async () => {
  const clock = new VirtualClock();
  const slots = new Slots(2);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const ask = (name: number, patience: number) =>
    slots.run(patience, clock, async () => {
      running++;
      most = Math.max(most, running);
      order.push(name);
      await sleep(clock, 100);
      running--;
      return name;
    });
  const all = Promise.all([
    ask(0, 1_000),
    ask(1, 1_000),
    ask(2, 1_000),
    ask(3, 50),
    ask(4, 1_000),
    ask(5, 1_000),
  ]);
  expect(await clock.run(all)).toEqual([0, 1, 2, undefined, 4, 5]);
  expect(order).toEqual([0, 1, 2, 4, 5]);
  expect(most).toBe(2);
  expect(await clock.run(ask(6, 0))).toBe(6);
});

test("a body that throws gives its place back", async () => {
  const clock = new VirtualClock();
  const slots = new Slots(1);
  const failing = slots.run(1_000, clock, async () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(await slots.run(0, clock, async () => "next")).toBe("next");
});
