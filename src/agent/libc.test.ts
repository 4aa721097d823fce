import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { codeOf, letGoOfCode } from "./libc.ts";

test("the code of an executable: what is mapped from it to be run", () => {
  const maps = `00200000-01a39000 r--p 00000000 08:01 4711      /opt/berth
01a40000-0684a000 r-xp 01838000 08:01 4711      /opt/berth
06867000-06f4b000 rw-p 0665e000 08:01 4711      /opt/berth
7fde4ab76000-7fde4accc000 r-xp 00026000 08:01 42    /usr/lib/libc.so.6
7fde4b000000-7fde4b001000 rwxp 00000000 00:00 0
`;
  expect(codeOf(maps, "/opt/berth")).toEqual([{ from: 0x1a40000n, to: 0x684a000n }]);
  expect(codeOf(maps, "/opt/berth (deleted)")).toEqual([]);
});

/** Kilobytes of files in memory. */
function fileMemory(): number {
  return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

test("what is let go of is not resident any more, and comes back as it runs", () => {
  const before = fileMemory();
  letGoOfCode();
  expect(fileMemory()).toBeLessThan(before - 10_000);
  expect(JSON.parse(JSON.stringify({ a: [1, "b"] }))).toEqual({ a: [1, "b"] });
});
