import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../agent/agent.ts";

export type Line = { readonly [field: string]: unknown };

/** A part of Berth that runs as its own process until it is told to stop; its log lies in the folder. */
export class Part {
  readonly name: string;
  readonly child: Bun.Subprocess;
  readonly #log: string;

  constructor(folder: string, name: string, args: readonly string[]) {
    this.name = name;
    this.#log = join(folder, `${name}.log`);
    const descriptor = openSync(this.#log, "a", 0o600);
    this.child = Bun.spawn([BERTH, name, ...args], {
      env: { PATH: process.env.PATH, POD_NAME: name },
      stdout: "ignore",
      stderr: descriptor,
    });
    closeSync(descriptor);
  }

  log(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** The exit code after SIGTERM. */
  async stop(): Promise<number> {
    this.child.kill("SIGTERM");
    return this.child.exited;
  }
}

/** The lines of a log; throws at the first that is no JSON object. */
export function linesOf(log: string): Line[] {
  return log
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => JSON.parse(text));
}
