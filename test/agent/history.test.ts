import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { call } from "../system/plugin.ts";
import { BERTH, TestAgent, until } from "./agent.ts";

let agent: TestAgent | undefined;
afterEach(() => agent?.dispose());

test("berth history tells who held an address when, from what the agent took down", async () => {
  const running = await new TestAgent().start();
  agent = running;
  const ipam = {
    type: "whereabouts",
    datastore: "sqlite",
    database: running.database,
    range: "10.81.0.0/30",
  };
  const config = { cniVersion: "1.0.0", name: "net", type: "bridge", ipam };
  const run = (verb: string, pod: string) =>
    call({ verb, pod, config, env: { BERTH_SOCKET: running.socket } });
  const history = (...args: string[]): { pod: string; until?: string }[] => {
    const where = ["--state-dir", join(running.folder, "state"), "-o", "json"];
    const { exitCode, stdout } = Bun.spawnSync([BERTH, "history", ...args, ...where]);
    return exitCode === 0 ? JSON.parse(stdout.toString()) : [];
  };
  for (const [verb, pod] of [
    ["ADD", "a"],
    ["DEL", "a"],
    ["ADD", "b"],
  ] as const) {
    expect((await run(verb, pod)).exit).toBe(0);
  }
  await until("the history has both", () => history("10.81.0.1").length === 2);
  const [now, before] = history("10.81.0.1");
  expect([now?.pod, now?.until, before?.pod, typeof before?.until]).toEqual([
    "default/b",
    undefined,
    "default/a",
    "string",
  ]);
  expect(history("a")).toHaveLength(1);
  expect(history("10.81.0.1", "--at", "2001-01-01")).toEqual([]);
});
