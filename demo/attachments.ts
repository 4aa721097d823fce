import { join } from "node:path";
import type { Lab } from "./lab.ts";

const DIST = join(import.meta.dir, "../dist");
const MAIN_PLUGINS = "/usr/lib/cni";
const IFNAME = "net1";

export type Pod = { name: string; ifname: string; addresses: string[]; ms: number };

/** Attaches pods as a container runtime does: through the bridge plugin in a lab, else through the IPAM plugin. */
export class Attachments {
  readonly #database: string;
  readonly #lab: Lab | undefined;
  readonly #sandboxes = new Map<string, string>();

  constructor(database: string, lab: Lab | undefined) {
    this.#database = database;
    this.#lab = lab;
  }

  async add(name: string): Promise<Pod> {
    this.#sandboxes.set(name, `${name}-sandbox-1`);
    const started = performance.now();
    const addresses = await this.#call("ADD", name, this.#lab ? "bridge" : "whereabouts");
    return { name, ifname: IFNAME, addresses, ms: performance.now() - started };
  }

  /** A second ADD under a new sandbox, to the IPAM plugin alone: the interface is there already. */
  async repeat(name: string): Promise<string[]> {
    this.#sandboxes.set(name, `${name}-sandbox-2`);
    return this.#call("ADD", name, "whereabouts");
  }

  async del(name: string): Promise<void> {
    await this.#call("DEL", name, this.#lab ? "bridge" : "whereabouts");
  }

  /** What an ADD with `rangeStart` in place of `range_start` and a reversed range says. */
  typo(): string {
    const ipam = {
      ...this.#ipam(),
      ipRanges: [],
      range: "10.56.0.90-10.56.0.20/24",
      rangeStart: "10.56.0.10",
    };
    const config = { ...this.#config(), ipam };
    const { stdout, stderr } = Bun.spawnSync([join(DIST, "cni/whereabouts")], {
      env: this.#env("ADD", "typo", "/nonexistent"),
      stdin: Buffer.from(JSON.stringify(config)),
    });
    return `${stderr.toString().trim()}\n${stdout.toString().trim()}`;
  }

  async berth(...args: string[]): Promise<string> {
    const child = Bun.spawn([join(DIST, "berth"), ...args, "--database", this.#database], { stdout: "pipe" });
    return new Response(child.stdout).text();
  }

  async #call(verb: string, name: string, plugin: string): Promise<string[]> {
    const netns = this.#lab?.pod(name).path ?? `/nonexistent/${name}`;
    const path = plugin === "bridge" ? join(MAIN_PLUGINS, plugin) : join(DIST, "cni", plugin);
    const inNode = this.#lab ? ["ip", "netns", "exec", this.#lab.node] : [];
    const child = Bun.spawn([...inNode, path], {
      env: this.#env(verb, name, netns),
      stdin: Buffer.from(JSON.stringify(this.#config())),
      stdout: "pipe",
      stderr: "pipe",
    });
    const stdout = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`${verb} ${name}: ${stdout}`);
    if (stdout === "") return [];
    const result: { ips?: { address: string }[] } = JSON.parse(stdout);
    return (result.ips ?? []).map(({ address }) => address.replace(/\/.*/, ""));
  }

  #env(verb: string, name: string, netns: string): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "",
      CNI_COMMAND: verb,
      CNI_CONTAINERID: this.#sandboxes.get(name) ?? name,
      CNI_NETNS: netns,
      CNI_IFNAME: IFNAME,
      CNI_PATH: `${join(DIST, "cni")}:${MAIN_PLUGINS}`,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}`,
    };
  }

  #config(): object {
    return { cniVersion: "1.0.0", name: "demo", type: "bridge", bridge: "berth0", ipam: this.#ipam() };
  }

  #ipam(): object {
    return {
      type: "whereabouts",
      datastore: "sqlite",
      database: this.#database,
      gateway: "10.56.0.1",
      ipRanges: [{ range: "10.56.0.0/24", exclude: ["10.56.0.2"] }, { range: "fd56::/64" }],
    };
  }
}
