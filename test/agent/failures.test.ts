import { afterEach, expect, test } from "bun:test";
import { call } from "../system/plugin.ts";
import { BERTH, TestAgent } from "./agent.ts";

let agent: TestAgent | undefined;
afterEach(() => agent?.dispose());

test("what failed is in berth status, and berth explain tells it of its pod", async () => {
  const running = await new TestAgent().start();
  agent = running;
  const { database, socket } = running;
  const ipam = { type: "whereabouts", datastore: "sqlite", database, range: "10.82.0.0/30" };
  const config = { cniVersion: "1.0.0", name: "tiny", type: "bridge", ipam };
  const add = (pod: string, sandbox = pod) =>
    call({ verb: "ADD", pod, sandbox, config, env: { BERTH_SOCKET: socket } });
  for (const pod of ["a", "b"]) expect((await add(pod)).exit).toBe(0);
  for (const sandbox of ["s1", "s2", "s3"]) expect((await add("late", sandbox)).exit).toBe(1);

  const berth = (...args: string[]) => {
    const { exitCode, stdout } = Bun.spawnSync([BERTH, ...args, "--socket", socket], { env: { HOME: "/" } });
    return { exit: exitCode, text: stdout.toString() };
  };
  const status = berth("status");
  expect(status.text).toContain("Failed lately: 1\n");
  expect(status.text).toMatch(/Z +3 +ADD +default\/late +net1 +tiny +\d+ +\S/);
  const explained = berth("explain", "late", "--database", database);
  expect(explained.text).toMatch(/Z {2}ADD net1 of tiny failed here 3 times: .+ \(code \d+\)\n/);
  expect(explained.exit).toBe(0);
  expect(berth("explain", "a", "--database", database).text).not.toContain("failed");
});
