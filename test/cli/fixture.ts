import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reserve } from "../../src/allocation/reservation.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { acquire } from "../../src/store/contract.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A host with a few networks: one shared by two nodes, one dual stack, one full, one reservation that has ended. */
export class Host {
  readonly folder = mkdtempSync(join(tmpdir(), "berth-cli-"));
  readonly database = join(this.folder, "ipam.db");
  readonly networks = join(this.folder, "storage.conf");

  static async make(): Promise<Host> {
    const host = new Host();
    const now = Date.now();
    const store = host.store();
    const at = (age: number) => ({ now: now - age });
    const on = (node: string) => ({ node });
    await commit(store, [
      { ...acquire("10.56.0.0/24", { pod: "db-0", network: "storage" }), ...at(8 * DAY), ...on("node-a") },
      { ...acquire("10.56.0.0/24", { pod: "db-1", network: "storage" }), ...at(5 * HOUR), ...on("node-b") },
      {
        ...acquire(["10.57.0.0/24", "fd57::/64"], { pod: "web", networkName: "blue", network: "front" }),
        ...at(90.2 * 60_000),
        ...on("node-a"),
      },
      { ...acquire("10.58.0.0/30", { pod: "a", network: "tiny" }), ...at(DAY) },
      { ...acquire("10.58.0.0/30", { pod: "b", network: "tiny" }), ...at(DAY) },
      reserveText("10.56.0.200", "10.56.0.0/24", { by: "ops", reason: "printer" }, now - DAY),
      reserveText(
        "10.56.0.201",
        "10.56.0.0/24",
        { by: "ops", reason: "test", until: now - HOUR },
        now - 2 * DAY,
      ),
    ]);
    store.close();
    const ipam = {
      type: "whereabouts",
      datastore: "sqlite",
      database: host.database,
      range: "10.56.0.0/24",
      gateway: "10.56.0.1",
      exclude: ["10.56.0.240/28"],
    };
    writeFileSync(
      host.networks,
      JSON.stringify({ cniVersion: "1.0.0", name: "storage", type: "bridge", ipam }),
    );
    return host;
  }

  store(): SqliteStore {
    const store = SqliteStore.open(this.database, { patience: 5_000 });
    if (!store.ok) throw new Error(store.error.message);
    return store.value;
  }

  /** Runs `berth`; times and the folder of this run are written as <time> and <folder>. */
  run(...args: string[]): { exit: number; stdout: string; stderr: string } {
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, ...args], {
      env: { PATH: process.env.PATH, HOME: this.folder, USER: "tester" },
    });
    return { exit: exitCode, stdout: this.#plain(stdout), stderr: this.#plain(stderr) };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }

  #plain(bytes: Uint8Array): string {
    return Buffer.from(bytes)
      .toString()
      .replaceAll(this.folder, "<folder>")
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>");
  }
}

export async function commit(
  store: SqliteStore,
  changes: Parameters<SqliteStore["commit"]>[0],
): Promise<void> {
  const outcomes = await store.commit(changes);
  if (!outcomes.ok) throw new Error(outcomes.error.message);
}

export function reserveText(
  text: string,
  pool: string,
  reservation: { by: string; reason: string; until?: number },
  now: number,
) {
  const address = parseAddress(text);
  const range = parseCidr(pool);
  if (!address.ok || !range.ok) throw new Error(`${text} ${pool}`);
  return reserve({ networkName: "", range: range.value }, address.value, reservation, true, now);
}
