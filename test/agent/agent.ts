import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "../../src/agent/ask.ts";
import type { Status } from "../../src/agent/status.ts";
import { DIST } from "../system/plugin.ts";

export const BERTH = join(DIST, "berth");

/** Waits for a condition; fails with what it waited for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 15_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`in vain waited for: ${what}`);
    await Bun.sleep(10);
  }
}

/** A real agent, with a folder of its own for socket, journal, log and databases. */
export class TestAgent {
  readonly folder: string;
  readonly socket: string;
  readonly node: string;
  #child: Bun.Subprocess | undefined;

  constructor(node = "node-a") {
    this.node = node;
    this.folder = mkdtempSync(join(tmpdir(), "berth-agent-"));
    this.socket = join(this.folder, "agent.sock");
  }

  get database(): string {
    return join(this.folder, "ipam.db");
  }

  get pid(): number {
    if (!this.#child) throw new Error("the agent does not run");
    return this.#child.pid;
  }

  /** Starts `berth agent` and waits until it answers. */
  async start(...more: string[]): Promise<this> {
    this.spawn(...more);
    await until("the agent answers", async () => {
      if (this.#child?.exitCode !== null) throw new Error(`the agent has ended: ${this.log()}`);
      return (await this.status()) !== undefined;
    });
    return this;
  }

  spawn(...more: string[]): Bun.Subprocess {
    const metrics = more.includes("--metrics-address") ? [] : ["--metrics-address", "off"];
    const where = ["--socket", this.socket, "--state-dir", join(this.folder, "state")];
    this.#child = Bun.spawn([BERTH, "agent", ...where, ...metrics, ...more], {
      env: { PATH: process.env.PATH, NODENAME: this.node },
      stdout: "ignore",
      stderr: Bun.file(join(this.folder, "log")),
    });
    return this.#child;
  }

  /** What the agent says of itself; undefined if it does not answer. */
  async status(): Promise<Status | undefined> {
    const reply = await ask(this.socket, { plugin: "status", timeout: 5_000, env: {}, stdin: "" });
    return reply.ok ? JSON.parse(reply.value.stdout) : undefined;
  }

  log(): string {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  /** Sends a signal and gives the exit code when the process is gone. */
  async signal(name: NodeJS.Signals): Promise<number> {
    this.#child?.kill(name);
    return (await this.#child?.exited) ?? 0;
  }

  /** For a plugin that is to find this agent. */
  get env(): Record<string, string> {
    return { BERTH_SOCKET: this.socket, BERTH_STATE_DIR: join(this.folder, "state"), NODENAME: this.node };
  }

  async dispose(): Promise<void> {
    if (this.#child && this.#child.exitCode === null) await this.signal("SIGKILL");
    rmSync(this.folder, { recursive: true });
  }
}

/** A started agent that is gone, with its folder, when the body is over. */
export async function withAgent(
  body: (agent: TestAgent) => Promise<void>,
  ...flags: string[]
): Promise<void> {
  const agent = new TestAgent();
  try {
    await agent.start(...flags);
    await body(agent);
  } finally {
    await agent.dispose();
  }
}
