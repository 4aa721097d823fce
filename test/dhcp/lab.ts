import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "../../src/agent/ask.ts";
import type { LeaseRow } from "../../src/agent/dhcp/rows.ts";
import { BERTH, until } from "../agent/agent.ts";
import { type Answer, call, DIST, MAIN_PLUGINS } from "../system/plugin.ts";
import { ip, Namespaces, pathOf } from "./wire.ts";

/** Which main plugin attaches pods, and what the other end of its network is in the node. */
const MAIN = {
  bridge: { type: "bridge", bridge: "br0" },
  macvlan: { type: "macvlan", master: "uplink", mode: "bridge" },
};

/**
 * A node with a secondary network, DHCP servers on it in namespaces of their own, a real daemon of Berth, and pods that the
 * Debian plugins attach. All of it is gone after `dispose`.
 */
export class DhcpLab {
  readonly namespaces = new Namespaces();
  readonly folder = mkdtempSync(join(tmpdir(), "berth-dhcp-"));
  readonly node = this.namespaces.add("node");
  readonly socket = join(this.folder, "dhcp.sock");
  readonly #pods = new Map<string, string>();
  readonly #children: Bun.Subprocess[] = [];
  #daemon: Bun.Subprocess | undefined;
  #flags: readonly string[] = [];

  constructor() {
    ip("-n", this.node, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    ip("-n", this.node, "link", "set", "br0", "up");
    // What macvlan sits on is a port of the same network.
    ip("-n", this.node, "link", "add", "uplink", "type", "veth", "peer", "name", "uplink-far");
    ip("-n", this.node, "link", "set", "uplink-far", "master", "br0", "up");
    ip("-n", this.node, "link", "set", "uplink", "up");
  }

  /** A namespace with an interface eth0 on the network. */
  host(name: string, address?: string): string {
    const namespace = this.namespaces.add(name);
    const port = `v-${name}`;
    ip("-n", this.node, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    ip("-n", this.node, "link", "set", port, "master", "br0", "up");
    if (address) ip("-n", namespace, "addr", "add", address, "dev", "eth0");
    ip("-n", namespace, "link", "set", "eth0", "up");
    return namespace;
  }

  /** Starts a program in a namespace; it ends with the lab. */
  run(namespace: string, command: readonly string[], log: string): Bun.Subprocess {
    const child = Bun.spawn(["ip", "netns", "exec", namespace, ...command], {
      stdout: Bun.file(this.file(log)),
      stderr: Bun.file(this.file(log)),
      stdin: "ignore",
      env: { PATH: process.env.PATH },
    });
    this.#children.push(child);
    return child;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.file(name), "utf8");
  }

  /** Starts `berth dhcp-daemon` in the node's namespace and waits until it answers. */
  async daemon(...flags: string[]): Promise<void> {
    this.#flags = flags;
    const where = ["-socketpath", this.socket, "-state-dir", this.file("state")];
    this.#daemon = this.run(
      this.node,
      [BERTH, "dhcp-daemon", ...where, ...flags],
      `daemon-${Bun.nanoseconds()}.log`,
    );
    await until("the daemon answers", async () => (await this.leases()) !== undefined);
  }

  get daemonPid(): number {
    if (!this.#daemon) throw new Error("no daemon runs");
    return this.#daemon.pid; // `ip netns exec` becomes the program
  }

  /** Ends the daemon and starts another on the same state. */
  async restartDaemon(signal: NodeJS.Signals): Promise<void> {
    await this.stopDaemon(signal);
    await this.daemon(...this.#flags);
  }

  async stopDaemon(signal: NodeJS.Signals): Promise<void> {
    this.#daemon?.kill(signal);
    await this.#daemon?.exited;
  }

  /** What the daemon holds; undefined if it does not answer. */
  async leases(): Promise<LeaseRow[] | undefined> {
    const reply = await ask(this.socket, { plugin: "leases", timeout: 2_000, env: {}, stdin: "" });
    return reply.ok ? JSON.parse(reply.value.stdout) : undefined;
  }

  pod(name: string): string {
    const known = this.#pods.get(name);
    if (known) return known;
    const namespace = this.namespaces.add(name);
    this.#pods.set(name, namespace);
    return namespace;
  }

  removePod(name: string): void {
    this.namespaces.remove(this.pod(name));
    this.#pods.delete(name);
  }

  /** Calls a main plugin of Debian with the plugin dhcp of Berth behind it. */
  attach(verb: string, pod: string, options: AttachOptions = {}): Promise<Answer> {
    const { main = "bridge", ipam = {}, version = "1.0.0", prevResult, env = {} } = options;
    const config = {
      cniVersion: version,
      name: "net",
      ...MAIN[main],
      ipam: { type: "dhcp", daemonSocketPath: this.socket, ...ipam },
      ...(prevResult !== undefined && { prevResult }),
    };
    return call({
      verb,
      pod,
      config,
      netns: pathOf(this.pod(pod)),
      command: ["ip", "netns", "exec", this.node, join(MAIN_PLUGINS, main)],
      env: {
        BERTH_BIN: BERTH,
        BERTH_STATE_DIR: this.file("state"),
        CNI_PATH: `${DIST}/cni:${MAIN_PLUGINS}`,
        ...env,
      },
    });
  }

  /** Gives a pod an interface net1 on the network, as a main plugin does before it asks for an address. */
  plug(pod: string): string {
    const namespace = this.pod(pod);
    const port = `p-${pod}`;
    ip("-n", this.node, "link", "add", port, "type", "veth", "peer", "name", "net1", "netns", namespace);
    ip("-n", this.node, "link", "set", port, "master", "br0", "up");
    ip("-n", namespace, "link", "set", "net1", "up");
    return namespace;
  }

  /** Calls the plugin dhcp by itself, for an interface that `plug` made. */
  lease(
    verb: string,
    pod: string,
    { ipam = {}, version = "1.1.0", prevResult, env = {}, top = {} }: AttachOptions = {},
  ) {
    return call({
      verb,
      pod,
      config: {
        cniVersion: version,
        name: "net",
        ipam: { type: "dhcp", daemonSocketPath: this.socket, ...ipam },
        ...(prevResult !== undefined && { prevResult }),
        ...top,
      },
      netns: pathOf(this.pod(pod)),
      command: [join(DIST, "cni/dhcp")],
      env: { BERTH_SOCKET: this.socket, BERTH_BIN: BERTH, BERTH_STATE_DIR: this.file("state"), ...env },
    });
  }

  /** Whether an interface of a pod is up. */
  isUp(pod: string, ifname = "net1"): boolean {
    const [link]: { flags: string[] }[] = JSON.parse(
      ip("-n", this.pod(pod), "-j", "link", "show", "dev", ifname),
    );
    return link?.flags.includes("UP") === true;
  }

  /** All that daemons of this lab have logged. */
  daemonLog(): string {
    return readdirSync(this.folder)
      .filter((name) => name.startsWith("daemon-"))
      .map((name) => this.read(name))
      .join("");
  }

  /** IPv4 or IPv6 addresses that the interface of a pod carries, without link-local ones. */
  carried(pod: string, ifname = "net1"): string[] {
    type Links = { addr_info: { local: string; scope: string }[] }[];
    const links: Links = JSON.parse(ip("-n", this.pod(pod), "-j", "addr", "show", "dev", ifname));
    return links.flatMap(({ addr_info }) =>
      addr_info.filter(({ scope }) => scope === "global").map(({ local }) => local),
    );
  }

  async dispose(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map((child) => child.exited));
    this.namespaces.dispose();
    rmSync(this.folder, { recursive: true });
  }
}

export type AttachOptions = {
  main?: keyof typeof MAIN;
  ipam?: object;
  version?: string;
  prevResult?: unknown;
  top?: object;
  env?: Record<string, string>;
};

export async function withLab(body: (lab: DhcpLab) => Promise<void>): Promise<void> {
  const lab = new DhcpLab();
  try {
    await body(lab);
  } finally {
    await lab.dispose();
  }
}
