import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Host } from "./fixture.ts";

/** What people read is recorded in golden/*.txt; `UPDATE_GOLDEN=1 bun test test/cli` writes them anew. */
const FOLDER = join(import.meta.dir, "golden");

const CASES: Record<string, readonly string[]> = {
  help: ["help"],
  pools: ["pools"],
  "pools-json": ["pools", "-o", "json"],
  "pools-yaml": ["pools", "-o", "yaml"],
  "pools-without-headers": ["pools", "--no-headers"],
  show: ["show"],
  "show-wide": ["show", "-o", "wide"],
  "show-address": ["show", "10.56.0.2"],
  "show-pod": ["show", "default/web"],
  "show-node": ["show", "--node", "node-b"],
  "show-reserved": ["show", "--reserved"],
  "show-json": ["show", "10.56.0.200", "-o", "json"],
  "show-nothing": ["show", "10.99.0.1"],
  nodes: ["nodes"],
  top: ["top"],
  "top-pods": ["top", "pods", "-n", "2"],
  check: ["check", "--networks", "NETWORKS"],
  "explain-network": ["explain", "NETWORKS"],
  "explain-network-json": ["explain", "NETWORKS", "-o", "json"],
  "explain-pod": ["explain", "web"],
  "explain-unknown": ["explain", "nobody"],
  "release-dry-run": ["release", "10.57.0.1"],
  "reserve-dry-run": ["reserve", "10.56.0.7", "--reason", "router", "--owner", "ops"],
  "migrate-copy": ["migrate", "--to-database", "COPY"],
  "history-no-cluster": ["history", "10.56.0.2", "--state-dir", "COPY"],
  "reserve-taken": ["reserve", "10.56.0.2", "--reason", "router"],
};

const PLAIN: Record<string, readonly string[]> = {
  plan: ["plan", "10.0.0.0/16", "fd00::/64", "--slice", "/27"],
  "plan-nodes": ["plan", "10.0.0.0/16", "--slice", "27", "--pods-per-node", "110"],
  "plan-refused": ["plan", "10.0.0.0/31"],
};

describe("what people read", () => {
  let host: Host;
  beforeAll(async () => {
    host = await Host.make();
  });
  afterAll(() => host.dispose());

  const compare = (name: string, args: readonly string[]) => {
    const { exit, stdout, stderr } = host.run(...args);
    const shown = args.map((arg) => arg.replaceAll(host.folder, "<folder>")).join(" ");
    const text = `$ berth ${shown}\n${stdout}${stderr === "" ? "" : `(standard error)\n${stderr}`}exit code ${exit}\n`;
    const path = join(FOLDER, `${name}.txt`);
    if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
    expect(text).toBe(existsSync(path) ? readFileSync(path, "utf8") : "");
  };

  test.each(Object.entries(CASES))("%s", (name, args) => {
    const known = args.map((arg) =>
      arg === "NETWORKS" ? host.networks : arg === "COPY" ? join(host.folder, "copy.db") : arg,
    );
    compare(name, name === "help" ? known : [...known, "--database", host.database]);
  });
  test.each(Object.entries(PLAIN))("%s", compare);
});
