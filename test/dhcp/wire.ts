import { randomBytes } from "node:crypto";

/** Runs `ip`; its standard output. */
export function ip(...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ip", ...args]);
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.toString().trim()}`);
  return stdout.toString();
}

/** Why tests with namespaces cannot run here; undefined if they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  return Bun.which("ip") === null ? "ip is missing" : undefined;
}

export class Namespaces {
  readonly #tag = randomBytes(3).toString("hex");
  readonly #names: string[] = [];

  /** Makes a namespace; its name carries a random tag. */
  add(name: string): string {
    const full = `berth-${this.#tag}-${name}`;
    ip("netns", "add", full);
    this.#names.push(full);
    ip("-n", full, "link", "set", "lo", "up");
    return full;
  }

  remove(name: string): void {
    ip("netns", "del", name);
    this.#names.splice(this.#names.indexOf(name), 1);
  }

  dispose(): void {
    for (const name of [...this.#names]) this.remove(name);
  }
}

export function pathOf(namespace: string): string {
  return `/run/netns/${namespace}`;
}
