import { expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { Host } from "../../src/ipam/host.ts";
import { invoke, PLUGINS, refusePlugin } from "../../src/ipam/invoke.ts";
import { netnsId } from "../../src/ipam/machine.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { Random } from "../random.ts";
import { DIST } from "../system/plugin.ts";
import { TestAgent } from "./agent.ts";
import { type Generated, generate } from "./generator.ts";

/** Processes are dear: `CALLS=8000 BUSY=20000 make test` asks for more of them. */
const CALLS = Number(process.env.CALLS ?? 200);
const BUSY = Number(process.env.BUSY ?? 3000);
const SEQUENCES = 4;

type Answer = { exit: number; stdout: string };
type Way = { name: string; answer: (call: Generated) => Promise<Answer> };

/** latin1: bytes stay what they are. */
function inputOf({ stdin }: Generated, database: string): Buffer {
  return Buffer.from(stdin.toString("latin1").replaceAll("@DB@", database), "latin1");
}

function processes(
  name: string,
  command: (plugin: string) => string[],
  more: Record<string, string>,
  database: string,
): Way {
  const answer = async (call: Generated) => {
    const child = Bun.spawn(command(call.plugin), {
      env: { PATH: process.env.PATH, NODENAME: "node-a", ...more, ...call.env },
      stdin: inputOf(call, database),
      stdout: "pipe",
      stderr: "ignore",
    });
    const stdout = await new Response(child.stdout).text();
    return { exit: await child.exited, stdout: stdout.replaceAll(database, "@DB@") };
  };
  return { name, answer };
}

/** What the plugins themselves answer, without a process in between. */
function inProcess(database: string): Way {
  const answer = async (call: Generated) => {
    let opened: Store | undefined;
    const host: Host = {
      node: () => "node-a",
      now: systemClock.now,
      log: () => undefined,
      readFile: () => undefined, // the generator names no flat file
      netnsId,
      store(choice) {
        const store = openStore(choice, { patience: 10_000 });
        if (store.ok) opened = store.value;
        return store;
      },
    };
    const plugin = PLUGINS.find((known) => known === call.plugin);
    if (plugin === undefined) return refusePlugin(call.plugin);
    const callerNetns = () => netnsId("/proc/self/ns/net");
    const stdin = inputOf(call, database).toString("utf8");
    const { exit, stdout } = await invoke({ plugin, env: call.env, stdin, callerNetns }, host);
    opened?.close();
    return { exit, stdout: stdout.replaceAll(database, "@DB@") };
  };
  return { name: "the plugin itself", answer };
}

const shim = (plugin: string) => [join(DIST, "cni", plugin)];
const oneShot = (plugin: string) => [join(DIST, "berth"), "cni", "--plugin", plugin];

/** The same sequences of calls by all ways, each with databases of its own; the first way is right. */
async function compare(
  count: number,
  ways: (agent: TestAgent, database: (way: string) => string) => [Way, ...Way[]],
) {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  const agent = new TestAgent();
  const tally = { ok: 0, refused: 0 };
  try {
    await agent.start("--log-level", "panic");
    const sequence = async (number: number) => {
      const random = new Random(seed + number);
      const [reference, ...others] = ways(agent, (way) => join(agent.folder, `${way}${number}`, "ipam.db"));
      for (let step = 0; step < count / SEQUENCES; step++) {
        const call = generate(random);
        const [expected, ...answers] = await Promise.all(
          [reference, ...others].map((way) => way.answer(call)),
        );
        for (const [at, answer] of answers.entries()) {
          const where = `${others[at]?.name}, SEED=${seed}, sequence ${number}, step ${step}: ${JSON.stringify(call.env)} ${call.stdin}`;
          expect(answer, where.slice(0, 2000)).toEqual(expected as Answer);
        }
        if (expected?.exit === 0) tally.ok++;
        else tally.refused++;
      }
    };
    await Promise.all(Array.from({ length: SEQUENCES }, (_, number) => sequence(number)));
    const names = ways(agent, String).map(({ name }) => name);
    console.log(
      `SEED=${seed}: ${tally.ok} succeeded, ${tally.refused} were refused, alike by ${names.join(", ")}`,
    );
    for (const share of [tally.ok, tally.refused]) expect(share).toBeGreaterThan(count / 10);
    expect((await agent.status())?.requests.length).toBeGreaterThan(5); // the agent was really asked
  } finally {
    await agent.dispose();
  }
}

test(
  `${BUSY} generated calls: shim and agent answer byte for byte what the plugin itself answers`,
  () =>
    compare(BUSY, (agent, database) => [
      inProcess(database("a")),
      processes("shim and agent", shim, agent.env, database("b")),
    ]),
  600_000,
);

test(
  `${CALLS} generated calls: shim and agent, shim alone and berth cni answer the same bytes`,
  () =>
    compare(CALLS, (agent, database) => {
      const nobody = {
        BERTH_SOCKET: join(agent.folder, "nobody.sock"),
        BERTH_STATE_DIR: join(agent.folder, "none"),
      };
      return [
        processes("berth cni", oneShot, nobody, database("a")),
        processes("shim without agent", shim, nobody, database("b")),
        processes("shim and agent", shim, agent.env, database("c")),
      ];
    }),
  600_000,
);

test("closed standard input is empty input: shim and one-shot plugin say the same", async () => {
  const env = {
    PATH: process.env.PATH,
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "closed",
    CNI_IFNAME: "net1",
    CNI_NETNS: "/run/netns/none",
    CNI_PATH: "/opt/cni/bin",
    BERTH_SOCKET: "/nonexistent/agent.sock",
    BERTH_STATE_DIR: "/nonexistent",
  };
  const answers = [shim("static"), oneShot("static")].map((command) => {
    const child = Bun.spawnSync(["sh", "-c", 'exec "$@" <&-', "sh", ...command], { env });
    return { exit: child.exitCode, error: JSON.parse(child.stdout.toString()) };
  });
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]).toMatchObject({ exit: 1, error: { code: 6 } });
});
