import { expect, test } from "bun:test";
import { join } from "node:path";
import { Random } from "../random.ts";
import { DIST } from "../system/plugin.ts";
import { TestAgent } from "./agent.ts";
import { type Generated, generate } from "./generator.ts";

const SEQUENCES = 4;
const LENGTH = 500;

type Way = {
  name: string;
  command: (plugin: string) => string[];
  env: Record<string, string>;
  database: string;
};
type Answer = { exit: number; stdout: string };

async function run(way: Way, { plugin, env, stdin }: Generated): Promise<Answer> {
  const text = stdin.toString("latin1").replaceAll("@DB@", way.database); // latin1: bytes stay what they are
  const child = Bun.spawn(way.command(plugin), {
    env: { PATH: process.env.PATH, NODENAME: "node-a", ...way.env, ...env },
    stdin: Buffer.from(text, "latin1"),
    stdout: "pipe",
    stderr: "ignore",
  });
  const stdout = await new Response(child.stdout).text();
  return { exit: await child.exited, stdout: stdout.replaceAll(way.database, "@DB@") };
}

/** The three ways by which a call can be answered, each with a database of its own. */
function ways(agent: TestAgent, sequence: number): [Way, Way, Way] {
  const shim = (plugin: string) => [join(DIST, "cni", plugin)];
  const database = (name: string) => join(agent.folder, `${name}${sequence}`, "ipam.db");
  const nobody = {
    BERTH_SOCKET: join(agent.folder, "nobody.sock"),
    BERTH_STATE_DIR: join(agent.folder, "none"),
  };
  const oneShot = (plugin: string) => [join(DIST, "berth"), "cni", "--plugin", plugin];
  return [
    { name: "berth cni", command: oneShot, env: nobody, database: database("a") },
    { name: "shim without agent", command: shim, env: nobody, database: database("b") },
    { name: "shim and agent", command: shim, env: agent.env, database: database("c") },
  ];
}

test(`${SEQUENCES * LENGTH} generated calls: shim and agent, shim alone and berth cni answer the same bytes`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`differential test: SEED=${seed}`);
  const agent = new TestAgent();
  try {
    await agent.start("--log-level", "panic");
    const tally = { ok: 0, refused: 0 };
    const sequence = async (number: number) => {
      const random = new Random(seed + number);
      const [reference, ...others] = ways(agent, number);
      for (let step = 0; step < LENGTH; step++) {
        const call = generate(random);
        const [expected, ...answers] = await Promise.all([reference, ...others].map((way) => run(way, call)));
        for (const [at, answer] of answers.entries()) {
          const where = `${others[at]?.name}, sequence ${number}, step ${step}: ${JSON.stringify(call.env)} ${call.stdin}`;
          expect(answer, where.slice(0, 2000)).toEqual(expected as Answer);
        }
        if (expected?.exit === 0) tally.ok++;
        else tally.refused++;
      }
    };
    await Promise.all(Array.from({ length: SEQUENCES }, (_, number) => sequence(number)));
    console.log(`differential test: ${tally.ok} succeeded, ${tally.refused} were refused, alike on all ways`);
    expect(tally.ok).toBeGreaterThan(LENGTH / 4);
    expect(tally.refused).toBeGreaterThan(LENGTH / 4);
    expect((await agent.status())?.requests.length).toBeGreaterThan(5); // the agent was really asked
  } finally {
    await agent.dispose();
  }
}, 300_000);
