import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { err } from "../result.ts";
import { Machine } from "./machine.ts";

let folder: string;
const given = process.env.NODENAME;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-machine-"));
  delete process.env.NODENAME;
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  if (given !== undefined) process.env.NODENAME = given;
});

function machine(): Machine {
  const none = { code: "store_bug", retry: "bug", store: "", message: "", hint: "" } as const;
  return new Machine(
    () => undefined,
    () => err(none),
    systemClock,
  );
}

test("the node's name comes from the installer's file, whether the path is its folder or the flat file in it", () => {
  writeFileSync(join(folder, "nodename"), "worker-1\n");
  writeFileSync(join(folder, "whereabouts.conf"), "{}");
  expect(machine().node(folder)).toBe("worker-1");
  expect(machine().node(join(folder, "whereabouts.conf"))).toBe("worker-1");
});

test("a path below a file is no file", () => {
  writeFileSync(join(folder, "whereabouts.conf"), "{}");
  expect(machine().readFile(join(folder, "whereabouts.conf", "nodename"))).toBeUndefined();
});
