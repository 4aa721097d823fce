import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { logOf } from "./machine.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-log-"));
afterAll(() => rmSync(folder, { recursive: true }));

function netconf(ipam: object): string {
  return JSON.stringify({ name: "net", ipam: { type: "whereabouts", ...ipam } });
}

test("log_file and log_level come from the flat file where the network configuration has none", () => {
  const file = join(folder, "from-flat.log");
  const flat = join(folder, "whereabouts.conf");
  writeFileSync(flat, JSON.stringify({ log_file: file, log_level: "error" }));
  const elsewhere: string[] = [];
  const log = logOf(netconf({ configuration_path: flat }), (line) => elsewhere.push(line), systemClock.now);
  log("verbose", "too low");
  log("error", "high enough");
  expect(readFileSync(file, "utf8")).toContain("high enough");
  expect(readFileSync(file, "utf8")).not.toContain("too low");
  expect(elsewhere).toEqual([]);

  const own = logOf(
    netconf({ configuration_path: flat, log_level: "debug" }),
    () => undefined,
    systemClock.now,
  );
  own("debug", "of the network configuration");
  expect(readFileSync(file, "utf8")).toContain("of the network configuration");
});

test("a flat file that is no JSON leaves the log where it was", () => {
  const flat = join(folder, "broken.conf");
  writeFileSync(flat, "{ log_file");
  const lines: string[] = [];
  logOf(netconf({ configuration_path: flat }), (line) => lines.push(line), systemClock.now)("error", "here");
  expect(lines.length).toBe(1);
});
