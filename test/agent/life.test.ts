import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Answer, addressesOf, type Call, call, DIST, heldIn, whereabouts } from "../system/plugin.ts";
import { BERTH, TestAgent, until, withAgent } from "./agent.ts";

const RANGE = { range: "10.0.0.0/24" };

function through(agent: TestAgent, request: Partial<Call> & { verb: string }): Promise<Answer> {
  const config = whereabouts(agent.database, RANGE);
  return call({ pod: "p1", config, ...request, env: { ...agent.env, ...request.env } });
}

async function berth(...args: string[]): Promise<Answer> {
  const child = Bun.spawn([BERTH, ...args], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, stdout, stderr };
}

test("ADD, CHECK, STATUS and DEL through shim and agent; the agent logs the decision", () =>
  withAgent(async (agent) => {
    const added = await through(agent, { verb: "ADD" });
    expect(addressesOf(added.stdout)).toEqual(["10.0.0.1"]);
    expect(added.stderr).toBe(""); // the runtime's log is not ours
    const config = { ...whereabouts(agent.database, RANGE, { cniVersion: "1.1.0" }) };
    const checked = await through(agent, {
      verb: "CHECK",
      config: { ...config, prevResult: JSON.parse(added.stdout) },
    });
    expect([checked.exit, checked.stdout]).toEqual([0, ""]);
    expect((await through(agent, { verb: "STATUS", config })).exit).toBe(0);
    expect((await through(agent, { verb: "DEL" })).exit).toBe(0);
    expect(heldIn(agent.database)).toEqual([]);
    const lines = agent.log().trim().split("\n");
    const line = lines.map((text) => JSON.parse(text)).find(({ verb }) => verb === "ADD");
    expect(line).toMatchObject({
      pod: "default/p1",
      ifname: "net1",
      pool: "10.0.0.0/24",
      address: "10.0.0.1",
    });
    const status = await agent.status();
    expect(status?.requests.map(({ verb, code, count }) => [verb, code, count])).toEqual([
      ["ADD", "0", 1],
      ["CHECK", "0", 1],
      ["STATUS", "0", 1],
      ["DEL", "0", 1],
    ]);
  }));

test("the socket is its owner's alone; a second agent is refused, and one after a kill takes over", () =>
  withAgent(async (agent) => {
    expect(statSync(agent.socket).mode & 0o777).toBe(0o600);
    const second = await berth("agent", "--socket", agent.socket, "--state-dir", join(agent.folder, "other"));
    expect([second.exit, second.stderr]).toEqual([1, expect.stringContaining(`process ${agent.pid}`)]);
    expect((await through(agent, { verb: "ADD" })).exit).toBe(0);

    await agent.signal("SIGKILL");
    expect(existsSync(agent.socket)).toBe(true);
    expect((await through(agent, { verb: "ADD", pod: "p2" })).stdout).toContain("10.0.0.2/24"); // without it
    await agent.start();
    expect((await through(agent, { verb: "ADD", pod: "p3" })).stdout).toContain("10.0.0.3/24");
    expect((await agent.status())?.requests.length).toBe(1);
  }));

test("a socket file that was removed is made again", () =>
  withAgent(async (agent) => {
    rmSync(agent.socket);
    expect((await through(agent, { verb: "ADD" })).exit).toBe(0); // the shim does it without
    await until("the socket is back", async () => (await agent.status()) !== undefined);
    expect((await through(agent, { verb: "DEL" })).exit).toBe(0);
    expect((await agent.status())?.requests.map(({ verb }) => verb)).toEqual(["DEL"]);
  }));

test("SIGTERM: what was accepted is answered, then the agent ends with 0 and its socket is gone", () =>
  withAgent(async (agent) => {
    const under = Array.from({ length: 20 }, (_, index) => through(agent, { verb: "ADD", pod: `p${index}` }));
    await until("a call has arrived", () => heldInOrNone(agent.database) > 0);
    const exit = await agent.signal("SIGTERM");
    const answers = await Promise.all(under);
    expect([exit, existsSync(agent.socket)]).toEqual([0, false]);
    const given = answers.flatMap(({ stdout }) => addressesOf(stdout));
    expect(new Set(given).size).toBe(20); // those that came too late were done without the agent
    expect(heldIn(agent.database).length).toBe(20);
  }));

function heldInOrNone(database: string): number {
  return existsSync(database) ? heldIn(database).length : 0;
}

test("SIGHUP reads the settings again; a broken file leaves them as they were", async () => {
  const agent = new TestAgent();
  const file = join(agent.folder, "agent.json");
  try {
    writeFileSync(file, '{"logLevel": "verbose"}');
    await agent.start("--config", file);
    writeFileSync(file, '{"logLevel": "lowd"}');
    process.kill(agent.pid, "SIGHUP");
    await until("the refusal is logged", () => agent.log().includes('"lowd" is not one of'));
    writeFileSync(file, '{"logLevel": "panic"}');
    process.kill(agent.pid, "SIGHUP");
    await until("the level is in force", async () => {
      const before = agent.log().length;
      await through(agent, { verb: "ADD" });
      return agent.log().length === before;
    });
  } finally {
    await agent.dispose();
  }
});

test("the engine runs with what suits a daemon, in the process that was started", async () => {
  const agent = new TestAgent();
  try {
    await agent.start();
    expect(readFileSync(`/proc/${agent.pid}/environ`, "utf8")).toContain("BUN_JSC_useDFGJIT=0");
    expect(readFileSync(`/proc/${agent.pid}/comm`, "utf8")).toBe("berth\n");
  } finally {
    await agent.dispose();
  }
});

const DAEMONS = [
  ["agent", "--socket"],
  ["dhcp-daemon", "--socketpath"],
] as const;

/** A daemon that `launcher` starts with a listening socket: it answers there, and leaves the socket in place when it ends. */
async function servesThere(
  launcher: (agent: TestAgent) => readonly string[],
  [command, flag]: readonly [string, string],
  ready: (agent: TestAgent) => Promise<void>,
): Promise<void> {
  const agent = new TestAgent();
  const state = ["--state-dir", join(agent.folder, "state"), "--metrics-address", "off"];
  const child = Bun.spawn([...launcher(agent), BERTH, command, flag, agent.socket, ...state], {
    stderr: Bun.file(join(agent.folder, "log")),
  });
  try {
    await ready(agent);
    expect((await through(agent, { verb: "ADD" })).exit).toBe(0);
    expect(agent.log()).toContain('"passed":true');
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(existsSync(agent.socket)).toBe(true);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    await agent.dispose();
  }
}

test.each(DAEMONS)("systemd's socket is used and left in place: berth %s", async (command, flag) => {
  // What systemd does: a listening socket as descriptor 3, and the environment of sd_listen_fds(3).
  const script = `
    import os, socket, sys
    server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(64)
    os.dup2(server.fileno(), 3); os.set_inheritable(3, True); os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[2], sys.argv[2:])`.replace(/^ {4}/gm, "");
  const python = Bun.which("python3");
  if (python === null) throw new Error("python3 plays systemd here; install it");
  await servesThere(
    ({ socket }) => [python, "-c", script, socket],
    [command, flag],
    (agent) =>
      until(
        "the agent answers",
        async () => existsSync(agent.socket) && (await agent.status()) !== undefined,
      ),
  );
});

const activator = Bun.which("systemd-socket-activate");

test.skipIf(activator === null).each(DAEMONS)(
  `berth %s is started by systemd's own socket activation, at the first call${activator ? "" : ": no systemd-socket-activate here"}`,
  (command, flag) =>
    servesThere(
      ({ socket }) => [activator ?? "", "--listen", socket],
      [command, flag],
      async (agent) => {
        await until("systemd listens", () => existsSync(agent.socket));
        expect(agent.log()).not.toContain('"passed"'); // nothing runs yet
      },
    ),
);

test("metrics, health and berth status tell the same", () =>
  withAgent(
    async (agent) => {
      await through(agent, { verb: "ADD" });
      await through(agent, { verb: "ADD", config: "{" });
      const url = (await agent.status())?.metrics;
      expect(url).toStartWith("http://127.0.0.1:");
      const get = async (page: string) => {
        const response = await fetch(`${url}${page}`);
        return [response.status, await response.text()] as const;
      };
      const [, metrics] = await get("metrics");
      for (const line of [
        'berth_requests_total{type="whereabouts",verb="ADD",code="0"} 1',
        'berth_requests_total{type="whereabouts",verb="ADD",code="6"} 1',
        'berth_request_duration_seconds_count{type="whereabouts",verb="ADD"} 2',
        "berth_commit_changes_count 1",
        "berth_journal_depth 0",
        `berth_pool_addresses{store="sqlite ${agent.database}",network="",range="10.0.0.0/24",state="used"} 1`,
        `berth_pool_addresses{store="sqlite ${agent.database}",network="",range="10.0.0.0/24",state="free"} 253`,
      ]) {
        expect(metrics.split("\n")).toContain(line);
      }
      expect([await get("healthz"), await get("readyz")]).toEqual([
        [200, "ok\n"],
        [200, "ok\n"],
      ]);
      expect((await get("nothing"))[0]).toBe(404);

      const status = await berth("status", "--socket", agent.socket);
      expect(status.exit).toBe(0);
      for (const part of ["serving", "10.0.0.0/24", "253", "whereabouts"])
        expect(status.stdout).toContain(part);
    },
    "--metrics-address",
    "127.0.0.1:0",
  ));

test("an address of the metrics that is taken costs the metrics only", () =>
  withAgent(
    async (first) => {
      const url = (await first.status())?.metrics ?? "";
      await withAgent(
        async (second) => {
          expect((await second.status())?.metrics).toBeNull();
          expect(second.log()).toContain("metrics and health are not served");
        },
        "--metrics-address",
        new URL(url).host,
      );
    },
    "--metrics-address",
    "127.0.0.1:0",
  ));

test("a DEL that meets an absent store is owed, shown, survives kill -9, and is done when the store is back", () =>
  withAgent(async (agent) => {
    const folder = join(agent.folder, "data");
    const database = join(folder, "ipam.db");
    const config = whereabouts(database, RANGE);
    const owed = async () => (await agent.status())?.journal.depth;
    for (const pod of ["p1", "p2"]) expect((await through(agent, { verb: "ADD", pod, config })).exit).toBe(0);

    await hide(folder);
    expect((await through(agent, { verb: "ADD", pod: "p3", config })).stdout).toContain('"code": 11');
    for (const pod of ["p1", "p2"]) expect((await through(agent, { verb: "DEL", pod, config })).exit).toBe(0);
    expect(await owed()).toBe(2);
    await agent.signal("SIGKILL");
    const down = await berth("status", "--socket", agent.socket, "--state-dir", join(agent.folder, "state"));
    expect([down.exit, down.stdout]).toEqual([1, expect.stringContaining("sandbox-p1")]);
    await agent.start();
    expect(await owed()).toBe(2);

    await show(folder);
    // p2 is back before its DEL was done: what it holds now must stay.
    const again = await through(agent, { verb: "ADD", pod: "p2", config });
    expect(addressesOf(again.stdout)).toEqual(["10.0.0.2"]);
    await until("the journal is empty", async () => (await owed()) === 0, 25_000);
    expect(heldIn(database).map(({ pod }) => pod)).toEqual(["p2"]);
  }));

test("an ADD without the agent strikes out the DEL that is owed", () =>
  withAgent(async (agent) => {
    const folder = join(agent.folder, "data");
    const database = join(folder, "ipam.db");
    const config = whereabouts(database, RANGE);
    expect((await through(agent, { verb: "ADD", config })).exit).toBe(0);
    await hide(folder);
    expect((await through(agent, { verb: "DEL", config })).exit).toBe(0);
    await agent.signal("SIGKILL");
    await show(folder);
    expect((await through(agent, { verb: "ADD", config })).exit).toBe(0);
    await agent.start();
    expect((await agent.status())?.journal.depth).toBe(0);
    expect(heldIn(database).length).toBe(1);
  }));

/** Takes a folder away and puts a file in its place, so that nobody makes it anew. */
async function hide(folder: string): Promise<void> {
  expect((await Bun.$`mv ${folder} ${folder}.away`.quiet()).exitCode).toBe(0);
  writeFileSync(folder, "");
}

async function show(folder: string): Promise<void> {
  rmSync(folder);
  expect((await Bun.$`mv ${folder}.away ${folder}`.quiet()).exitCode).toBe(0);
}

test("berth install and its removal leave a foreign plugin as it was", async () => {
  const agent = new TestAgent();
  const bin = join(agent.folder, "opt/cni/bin");
  const flags = ["--root", agent.folder, "--unit-dir", "/etc/systemd/system"];
  try {
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "static"), "a Go plugin", { mode: 0o755 });
    for (const _ of [1, 2]) expect((await berth("install", ...flags)).exit).toBe(0);
    expect(readFileSync(join(bin, "whereabouts"))).toEqual(readFileSync(join(DIST, "cni/whereabouts")));
    const unit = readFileSync(join(agent.folder, "etc/systemd/system/berth-agent.service"), "utf8");
    expect(unit).toContain("ExecStart=/usr/local/bin/berth agent --config /etc/berth/agent.json\n");
    // The installed shim finds the installed executable.
    const netconf = {
      cniVersion: "1.0.0",
      name: "n",
      ipam: { type: "static", addresses: [{ address: "10.0.0.1/24" }] },
    };
    const env = { BERTH_BIN: join(agent.folder, "usr/local/bin/berth") };
    const answer = await call({
      verb: "ADD",
      pod: "p",
      config: netconf,
      command: [join(bin, "static")],
      env,
    });
    expect(addressesOf(answer.stdout)).toEqual(["10.0.0.1"]);

    const units = join(agent.folder, "etc/systemd/system");
    expect(existsSync(join(units, "berth-dhcp.service"))).toBe(false);
    expect((await berth("install", ...flags, "--dhcp", "daemon")).stdout).toContain("berth-dhcp.socket");
    expect(readFileSync(join(units, "berth-dhcp.service"), "utf8")).toContain(
      "ExecStart=/usr/local/bin/berth dhcp-daemon\n",
    );
    expect((await berth("install", ...flags, "--dhcp", "agent")).exit).toBe(0);
    expect(readFileSync(join(units, "berth-agent.service.d/dhcp.conf"), "utf8")).toContain(
      "agent.json --dhcp\n",
    );
    expect((await berth("install", ...flags, "--dhcp", "yes")).exit).toBe(2);

    const removed = await berth("install", ...flags, "--remove");
    expect(readdirSync(units)).toEqual([]);
    expect([removed.exit, removed.stdout]).toEqual([
      0,
      expect.stringContaining("what was there before is back"),
    ]);
    expect(readFileSync(join(bin, "static"), "utf8")).toBe("a Go plugin");
    expect(existsSync(join(bin, "whereabouts"))).toBe(false);
  } finally {
    await agent.dispose();
  }
});
