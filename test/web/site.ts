import type { Acquire } from "../../src/allocation/claim.ts";
import { systemClock } from "../../src/clock.ts";
import { lintNetworks } from "../../src/lint/index.ts";
import { acquire } from "../../src/store/contract.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { KeyDoor } from "../../src/web/key-door.ts";
import type { Facts } from "../../src/web/live.ts";
import { Ui } from "../../src/web/server.ts";
import { reserveText } from "../cli/fixture.ts";

const HOUR = 3_600_000;

/** A store in memory and the page over it, for a test of its own. */
export class Site {
  readonly store = new MemoryStore();
  #ui: Ui | undefined;

  static async open(
    fill: readonly Acquire[],
    options: { writable?: boolean; facts?: Partial<Facts> } = {},
  ): Promise<Site> {
    const site = new Site();
    await site.add(...fill);
    site.#ui = await Ui.start({
      store: site.store,
      facts: { networks: async () => NETWORKS, ...options.facts },
      clock: systemClock,
      hostname: "127.0.0.1",
      port: 0,
      door: new KeyDoor("key-of-the-test", options.writable ?? false),
    });
    return site;
  }

  get url(): string {
    return this.#ui?.url ?? "";
  }

  async add(...changes: readonly Acquire[]): Promise<void> {
    await this.store.commit(changes);
  }

  async close(): Promise<void> {
    await this.#ui?.stop();
  }
}

const NETCONF = {
  cniVersion: "1.0.0",
  name: "storage",
  type: "macvlan",
  ipam: {
    type: "whereabouts",
    datastore: "sqlite",
    range: "10.56.0.0/24",
    gateway: "10.56.0.1",
    exclude: ["10.56.0.224/27"],
  },
};
const NETWORKS = lintNetworks(JSON.stringify(NETCONF), "storage.conf").networks;

/** Networks as a small cluster has them. */
export function someNetworks(now = Date.now()): Acquire[] {
  const changes: Acquire[] = [];
  const add = (
    range: string | string[],
    count: number,
    name: string,
    more: { networkName?: string } = {},
  ) => {
    for (let index = 0; index < count; index++) {
      const pod = `${name}-${index}`;
      const age = ((index * 7919) % 500) * HOUR + 90_000;
      const wish = acquire(range, { pod, network: name, ...more });
      changes.push({ ...wish, node: `node-${(index * 5) % 7}`, now: now - age });
    }
  };
  changes.push(reserveText("10.56.0.40", "10.56.0.0/24", { by: "ops", reason: "printer on floor 2" }, now));
  changes.push(
    reserveText(
      "10.56.0.77",
      "10.56.0.0/24",
      { by: "quarantine", reason: "answered by 02:42:ac:11:00:09" },
      now,
    ),
  );
  add("10.56.0.2-10.56.0.223/24", 61, "storage");
  add(["10.57.0.0/16", "fd57::/64"], 700, "front", { networkName: "blue" });
  add("10.58.0.0/29", 6, "tiny");
  add("10.59.0.0/24", 221, "camera");
  add("10.60.0.0/22", 410, "db", { networkName: "green" });
  return changes;
}
