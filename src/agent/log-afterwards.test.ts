import { expect, test } from "bun:test";
import type { Clock } from "../clock.ts";
import { jsonLog } from "../log.ts";
import { logAfterwards } from "./log-afterwards.ts";

test("a line is written later and says when it was told; an error is written at once", () => {
  let time = 1_000;
  const due: (() => void)[] = [];
  const clock: Clock = {
    now: () => time,
    elapsed: () => time,
    random: () => 0,
    after: (_, run) => {
      due.push(run);
      return { cancel: () => undefined };
    },
  };
  const lines: string[] = [];
  const log = logAfterwards(clock, (now) => jsonLog((line) => lines.push(line), "verbose", now));
  log("verbose", "first");
  log("error", "second");
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["second"]);
  time = 2_000;
  for (const run of due) run();
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { msg: "second", time: "1970-01-01T00:00:01.000Z" },
    { msg: "first", time: "1970-01-01T00:00:01.000Z" },
  ]);
});
