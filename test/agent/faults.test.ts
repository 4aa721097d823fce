import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Lab } from "../../demo/lab.ts";
import { decodeReply, encodeCall } from "../../src/cni/wire.ts";
import { Random } from "../random.ts";
import { addressesOf, type Call, call, codeOf, heldIn, MAIN_PLUGINS, whereabouts } from "../system/plugin.ts";
import { type TestAgent, until, withAgent } from "./agent.ts";

const asRoot = process.getuid?.() === 0;

function through(agent: TestAgent, request: Partial<Call> & { verb: string }) {
  const config = whereabouts(agent.database, { range: "10.0.0.0/16" });
  return call({ pod: "p1", config, ...request, env: { ...agent.env, ...request.env } });
}

function descriptors(agent: TestAgent): number {
  return readdirSync(`/proc/${agent.pid}/fd`).length;
}

/** A connection that sends what it is told and collects what comes. */
async function connect(agent: TestAgent) {
  const received: Uint8Array[] = [];
  let over = false;
  const socket = await Bun.connect({
    unix: agent.socket,
    socket: {
      data: (_, chunk) => void received.push(chunk.slice()),
      close: () => {
        over = true;
      },
      error: () => {
        over = true;
      },
    },
  });
  return { socket, received, isOver: () => over };
}

test(
  "an agent that is killed again and again under load: nothing is lost, no address has two owners",
  () =>
    withAgent(async (agent) => {
      const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
      console.log(`agent killed under load: SEED=${seed}`);
      const random = new Random(seed);
      const holds = new Map<string, string[]>();
      let running = true;
      let calls = 0;
      const worker = async (number: number) => {
        for (let round = 0; running; round++) {
          const pod = `p${number}-${round % 5}`;
          if (holds.has(pod)) {
            holds.delete(pod); // from now on another pod may have its address
            const deleted = await through(agent, { verb: "DEL", pod });
            expect(deleted.exit, deleted.stdout).toBe(0);
          } else {
            const added = await through(agent, { verb: "ADD", pod });
            expect(added.exit, added.stdout).toBe(0);
            const given = addressesOf(added.stdout);
            for (const other of holds.values()) expect(other).not.toEqual(given);
            holds.set(pod, given);
          }
          calls++;
        }
      };
      const workers = Promise.all([0, 1, 2, 3].map(worker));
      for (let kill = 0; kill < 8; kill++) {
        const before = calls + random.below(12);
        await until("calls go on", () => calls > before, 60_000);
        await agent.signal("SIGKILL");
        await agent.start();
      }
      running = false;
      await workers;
      await until("the journal is empty", async () => (await agent.status())?.journal.depth === 0);
      const held = heldIn(agent.database);
      expect(new Set(held.map(({ address }) => address)).size).toBe(held.length);
      expect(held.map(({ pod }) => pod).sort()).toEqual([...holds.keys()].sort());
    }),
  120_000,
);

test.skipIf(!asRoot)(
  "a full disk: ADD is told so, DEL and what is held survive, and room makes it work again",
  () =>
    withAgent(async (agent) => {
      const folder = join(agent.folder, "small");
      mkdirSync(folder);
      expect((await Bun.$`mount -t tmpfs -o size=256k tmpfs ${folder}`.quiet()).exitCode).toBe(0);
      try {
        const config = whereabouts(join(folder, "ipam.db"), { range: "10.0.0.0/16" });
        const first = await through(agent, { verb: "ADD", pod: "first", config });
        expect(first.exit, first.stdout).toBe(0);
        await Bun.$`dd if=/dev/zero of=${join(folder, "ballast")} bs=4k`.quiet().nothrow();
        const answers = [];
        for (let index = 0; index < 40; index++) {
          answers.push(await through(agent, { verb: "ADD", pod: `p${index}`, config }));
        }
        const refused = answers.filter(({ exit }) => exit !== 0);
        expect(refused.length).toBeGreaterThan(0);
        for (const answer of refused) expect(codeOf(answer), answer.stdout).toBe(11);
        const deleted = await through(agent, { verb: "DEL", pod: "first", config });
        expect(deleted.exit, deleted.stdout).toBe(0); // done, or owed
        await Bun.$`rm ${join(folder, "ballast")}`.quiet();
        await until("the journal is empty", async () => (await agent.status())?.journal.depth === 0, 25_000);
        const later = await through(agent, { verb: "ADD", pod: "later", config });
        expect(later.exit, later.stdout).toBe(0);
        const given = answers.flatMap(({ exit, stdout }) => (exit === 0 ? addressesOf(stdout) : []));
        expect(heldIn(join(folder, "ipam.db")).length).toBe(given.length + 1);
      } finally {
        await agent.signal("SIGTERM");
        await Bun.$`umount ${folder}`.quiet();
      }
    }),
  60_000,
);

test(
  "half a request, a slow reader and nonsense disturb nobody, and are hung up on",
  () =>
    withAgent(async (agent) => {
      expect((await through(agent, { verb: "ADD" })).exit).toBe(0);
      const before = descriptors(agent);
      const half = await connect(agent);
      half.socket.write("BERTH/1 whereabouts 15000 10 100\nhalf");
      const silent = await connect(agent);
      const nonsense = await connect(agent);
      nonsense.socket.write("GET / HTTP/1.1\r\n\r\n");
      const later = await connect(agent);
      later.socket.write("BERTH/9 whereabouts 15000 0 0\n");
      // Answers of 700 KiB each, to somebody who reads none of them.
      const long = JSON.stringify({
        cniVersion: "1.0.0",
        name: "n",
        ipam: { type: "static", addresses: [] },
      });
      const big = long.replace("[]", `[${Array(20_000).fill('{"address":"10.0.0.1/24"}').join(",")}]`);
      const env = {
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: "slow",
        CNI_NETNS: "/n",
        CNI_IFNAME: "e",
        CNI_PATH: "/",
      };
      const slow = await connect(agent);
      slow.socket.pause();
      slow.socket.write(encodeCall({ plugin: "static", timeout: 15_000, env, stdin: big }));
      for (const pod of ["a", "b", "c"]) expect((await through(agent, { verb: "ADD", pod })).exit).toBe(0);
      await until("all are hung up on", () =>
        [half, silent, nonsense, later].every((connection) => connection.isOver()),
      );
      await until(
        "the slow reader too",
        async () => ((await agent.status())?.underWay ?? 1) === 0 && descriptors(agent) <= before,
      );
      slow.socket.terminate();
      expect(nonsense.received).toEqual([]);
    }),
  60_000,
);

test("a netconf of 1 MiB is served, one byte more is refused", () =>
  withAgent(async (agent) => {
    const sized = (bytes: number) => {
      const bare = JSON.stringify(whereabouts(agent.database, { range: "10.0.0.0/16" }, { padding: "" }));
      return bare.replace('"padding":""', `"padding":"${"x".repeat(bytes - bare.length)}"`);
    };
    const whole = await through(agent, { verb: "ADD", config: sized(2 ** 20) });
    expect(addressesOf(whole.stdout)).toEqual(["10.0.0.1"]);
    expect(codeOf(await through(agent, { verb: "ADD", pod: "p2", config: sized(2 ** 20 + 1) }))).toBe(6);
  }));

test(
  "10,000 connections: each is answered or hung up on, calls go on, and no descriptor stays",
  () =>
    withAgent(async (agent) => {
      expect((await through(agent, { verb: "ADD" })).exit).toBe(0);
      const before = descriptors(agent);
      const env = { CNI_COMMAND: "VERSION" };
      const request = encodeCall({ plugin: "static", timeout: 15_000, env, stdin: "" });
      const tally = { answered: 0, refused: 0 };
      const one = async () => {
        const chunks: Uint8Array[] = [];
        const { promise, resolve } = Promise.withResolvers<void>();
        Bun.connect({
          unix: agent.socket,
          socket: {
            open: (socket) => void socket.write(request),
            data: (_, chunk) => void chunks.push(chunk.slice()),
            close: () => resolve(),
            error: () => resolve(),
            connectError: () => resolve(),
          },
        }).catch(() => resolve());
        await promise;
        if (decodeReply(Buffer.concat(chunks))?.exit === 0) tally.answered++;
        else tally.refused++;
      };
      const idle = await Promise.all(Array.from({ length: 500 }, () => connect(agent))); // these say nothing
      for (let wave = 0; wave < 20; wave++) {
        await Promise.all(Array.from({ length: 500 }, one));
        if (wave % 5 === 0) expect((await through(agent, { verb: "ADD", pod: `w${wave}` })).exit).toBe(0);
      }
      for (const { socket } of idle) socket.terminate();
      console.log(`10,000 connections: ${JSON.stringify(tally)}`);
      expect(tally.answered + tally.refused).toBe(10_000);
      expect(tally.answered).toBeGreaterThan(5_000);
      await until("no descriptor is left", () => descriptors(agent) <= before);
      expect((await through(agent, { verb: "DEL" })).exit).toBe(0);
    }),
  120_000,
);

test("a caller that hangs up before its turn gets nothing written for it", () =>
  withAgent(async (agent) => {
    const config = JSON.stringify(whereabouts(agent.database, { range: "10.0.0.0/16" }));
    expect((await through(agent, { verb: "ADD" })).exit).toBe(0);
    const env = {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "gone",
      CNI_NETNS: "/nonexistent",
      CNI_ARGS: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=gone",
      CNI_IFNAME: "net1",
      CNI_PATH: "/x",
    };
    const lock = new Database(agent.database);
    lock.run("BEGIN IMMEDIATE");
    const caller = await connect(agent);
    caller.socket.write(encodeCall({ plugin: "whereabouts", timeout: 15_000, env, stdin: config }));
    await until("its call is under way", async () => ((await agent.status())?.underWay ?? 0) > 0);
    caller.socket.terminate();
    await until("the agent has noticed", async () => (await agent.status())?.underWay === 0);
    lock.run("ROLLBACK");
    lock.close();
    expect(heldIn(agent.database).map(({ pod }) => pod)).toEqual(["p1"]);
  }));

test.skipIf(!asRoot || !existsSync(join(MAIN_PLUGINS, "bridge")))(
  "the real bridge plugin gets its addresses through shim and agent, and pods reach each other",
  () =>
    withAgent(async (agent) => {
      const lab = new Lab();
      try {
        const netconf = { cniVersion: "1.0.0", type: "bridge", bridge: "br0" };
        const ranges = { ipRanges: [{ range: "10.57.0.0/24" }, { range: "fd57::/64" }] };
        const config = whereabouts(agent.database, ranges, netconf);
        const command = ["ip", "netns", "exec", lab.node, join(MAIN_PLUGINS, "bridge")];
        const run = (verb: string, pod: string) =>
          through(agent, { verb, pod, command, netns: lab.pod(pod).path, config });
        for (const [pod, address] of [
          ["a", "10.57.0.1"],
          ["b", "10.57.0.2"],
        ] as const) {
          const added = await run("ADD", pod);
          expect(added.exit, added.stdout).toBe(0);
          expect(lab.addressesOf(pod, "net1")).toContain(address);
        }
        expect(await lab.ping("a", "10.57.0.2")).toContain("ms");
        for (const pod of ["a", "b"]) expect((await run("DEL", pod)).exit).toBe(0);
        expect(heldIn(agent.database)).toEqual([]);
        const requests = (await agent.status())?.requests.map(({ verb, count }) => [verb, count]);
        expect(requests).toEqual([
          ["ADD", 2],
          ["DEL", 2],
        ]);
      } finally {
        lab.dispose();
      }
    }),
  60_000,
);
