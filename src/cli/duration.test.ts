import { expect, test } from "bun:test";
import { readDuration } from "./duration.ts";

test.each([
  ["10s", 10_000],
  ["3m28s", 208_000],
  ["1.5h", 5_400_000],
  ["500ms", 500],
  ["1h2m3s", 3_723_000],
  ["250us", 0.25],
  ["", undefined],
  ["10", undefined],
  ["soon", undefined],
  ["-1s", undefined],
  ["1s 2s", undefined],
])("%s", (text, ms) => {
  expect(readDuration(text)).toBe(ms as number);
});
