import { randomBytes } from "node:crypto";

const PING_TRIES = 20;

/** Network namespaces: one that plays the node and one for each pod. Names carry a random tag. */
export class Lab {
  readonly #tag = randomBytes(3).toString("hex");
  readonly #namespaces: string[] = [];

  constructor() {
    this.#make(this.node);
  }

  get node(): string {
    return `berth-${this.#tag}-node`;
  }

  /** The namespace of a pod; made when it is first asked for. */
  pod(name: string): { name: string; path: string } {
    const namespace = `berth-${this.#tag}-${name}`;
    if (!this.#namespaces.includes(namespace)) this.#make(namespace);
    return { name: namespace, path: `/run/netns/${namespace}` };
  }

  /** A link of the node for interfaces such as macvlan to sit on. */
  addUplink(name: string): void {
    // A veth pair: not every kernel has dummy links.
    ip("-n", this.node, "link", "add", name, "type", "veth", "peer", "name", `${name}-far`);
    ip("-n", this.node, "link", "set", `${name}-far`, "up");
    ip("-n", this.node, "link", "set", name, "up");
  }

  /** A bridge of the node, cabled to that of the same name on another node. */
  addBridge(name: string, other?: Lab): void {
    ip("-n", this.node, "link", "add", name, "type", "bridge");
    ip("-n", this.node, "link", "set", name, "up");
    if (other === undefined) return;
    const [near, far] = [`out-${other.#tag}`, `out-${this.#tag}`];
    ip("-n", this.node, "link", "add", near, "type", "veth", "peer", "name", far, "netns", other.node);
    ip("-n", this.node, "link", "set", near, "master", name, "up");
    ip("-n", other.node, "link", "set", far, "master", name, "up");
  }

  /** Names of the links in the namespace of the node or of a pod. */
  linksOf(namespace: string): string[] {
    const links: { ifname: string }[] = JSON.parse(ip("-n", namespace, "-j", "link", "show"));
    return links.map(({ ifname }) => ifname);
  }

  /** The addresses that an interface of a pod really carries. */
  addressesOf(pod: string, ifname: string): string[] {
    type Link = { addr_info: { local: string }[] };
    const links: Link[] = JSON.parse(ip("-n", this.pod(pod).name, "-j", "addr", "show", "dev", ifname));
    return links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
  }

  /** The round-trip time, or what went wrong. Tries again while IPv6 duplicate address detection is under way. */
  async ping(pod: string, address: string): Promise<string> {
    const from = this.pod(pod).name;
    for (let tries = 0; tries < PING_TRIES; tries++) {
      const ping = Bun.spawn(["ip", "netns", "exec", from, "ping", "-c1", "-W1", address], {
        stdout: "pipe",
        stderr: "pipe",
      });
      const text = await new Response(ping.stdout).text();
      const time = /time=([0-9.]+ ms)/.exec(text)?.[1];
      if ((await ping.exited) === 0 && time !== undefined) return time;
      await Bun.sleep(100);
    }
    throw new Error(`${pod} does not reach ${address}`);
  }

  dispose(): void {
    for (const namespace of this.#namespaces) ip("netns", "del", namespace);
  }

  #make(namespace: string): void {
    ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    ip("-n", namespace, "link", "set", "lo", "up");
  }
}

/** Runs `ip`; its standard output. */
function ip(...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ip", ...args]);
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
