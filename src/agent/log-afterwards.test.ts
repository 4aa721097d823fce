import { expect, test } from "bun:test";
import { VirtualClock } from "../../test/virtual-clock.ts";
import { jsonLog } from "../log.ts";
import { logAfterwards } from "./log-afterwards.ts";

test("a line is written later and says when it was told; an error is written at once", async () => {
  const clock = new VirtualClock(1, 1_000);
  const lines: string[] = [];
  const log = logAfterwards(clock, (now) => jsonLog((line) => lines.push(line), "verbose", now));
  log("verbose", "first");
  log("error", "second");
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["second"]);
  clock.offset = 2_000;
  await clock.advance(0);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { msg: "second", time: "1970-01-01T00:00:01.000Z" },
    { msg: "first", time: "1970-01-01T00:00:01.000Z" },
  ]);
});
