import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../src/agent/ask.ts";
import { cniCall, whereaboutsOn } from "./calls.ts";

const AT_ONCE = 16;
/**
 * Milliseconds until an agent is at rest: half a second after a burst it collects its garbage and lets go of its code, and what of that
 * runs all the same comes back within the next two.
 */
const IDLE_AFTER = 4_000;

/** A node's agent for the length of a benchmark. */
export class BenchAgent {
  readonly socket: string;
  readonly #child: Bun.Subprocess;

  private constructor(socket: string, child: Bun.Subprocess) {
    this.socket = socket;
    this.#child = child;
  }

  /** Starts `berth agent` of a node in the folder and waits until it answers. */
  static async start(folder: string, node = "bench"): Promise<BenchAgent> {
    const socket = join(folder, "agent.sock");
    const flags = [
      "--socket",
      socket,
      "--state-dir",
      join(folder, "state"),
      "--metrics-address",
      "127.0.0.1:0",
    ];
    // What the benchmark sets for itself is none of the agent's settings.
    const { MIMALLOC_PURGE_HOLES: _, ...env } = process.env;
    const child = Bun.spawn([join(import.meta.dir, "../dist/berth"), "agent", ...flags], {
      env: { ...env, NODENAME: node },
      stdout: "ignore",
      stderr: "ignore",
    });
    const agent = new BenchAgent(socket, child);
    while (!(await ask(socket, { plugin: "status", timeout: 5_000, env: {}, stdin: "" })).ok) {
      if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}`);
      await Bun.sleep(10);
    }
    return agent;
  }

  /** Resident memory in MiB, as the kernel counts it. */
  memory(): number {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, "utf8"));
    return Number(line?.[1]) / 1024;
  }

  /** Waits until it has worked off what others have written, as its CPU time tells. */
  async quiet(): Promise<void> {
    for (let before = -1; ; ) {
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      const ticks = Number(fields[11]) + Number(fields[12]);
      if (ticks - before <= 2) return;
      before = ticks;
      await Bun.sleep(500);
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
  }
}

export type MemoryRow = { readonly what: string; readonly mib: number };

/** The memory of an agent that has nothing to do, and after so many pairs of ADD and DEL. */
export async function measureAgentMemory(folder: string, pairs: readonly number[]): Promise<MemoryRow[]> {
  const agent = await BenchAgent.start(folder);
  const database = join(folder, "leak.db");
  try {
    await Bun.sleep(IDLE_AFTER);
    const rows = [{ what: "idle", mib: agent.memory() }];
    let done = 0;
    for (const goal of pairs) {
      const worker = async () => {
        while (done < goal) {
          const id = `leak-${done++}`;
          for (const verb of ["ADD", "DEL"]) await callOn(agent.socket, verb, id, database);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      await Bun.sleep(IDLE_AFTER);
      rows.push({ what: `after ${goal.toLocaleString("en")} pairs of ADD and DEL`, mib: agent.memory() });
    }
    return rows;
  } finally {
    await agent.stop();
  }
}

/** What the shim sends, without the shim's process. */
async function callOn(socket: string, verb: string, id: string, database: string): Promise<void> {
  const { env = {}, stdin = "" } = cniCall("", verb, id, whereaboutsOn(database, "10.0.0.0/16"));
  const reply = await ask(socket, { plugin: "whereabouts", timeout: 15_000, env, stdin });
  if (!reply.ok || reply.value.exit !== 0) throw new Error(`${verb} of ${id} failed`);
}
