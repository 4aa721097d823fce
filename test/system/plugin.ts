import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const DIST = join(import.meta.dir, "../../dist");
export const MAIN_PLUGINS = "/usr/lib/cni";

export type Call = {
  verb: string;
  pod: string;
  /** A network configuration, or any other text to send. */
  config: object | string;
  /** What to execute; the whereabouts plugin of dist/cni by default. */
  command?: readonly string[];
  netns?: string;
  sandbox?: string;
  ifname?: string;
  env?: Record<string, string>;
};

export type Answer = { exit: number; stdout: string; stderr: string };

/** Starts a plugin as a runtime does. */
export function start({ verb, pod, config, ...more }: Call) {
  return Bun.spawn([...(more.command ?? [join(DIST, "cni/whereabouts")])], {
    env: {
      PATH: process.env.PATH,
      BERTH_SOCKET: "/nonexistent/agent.sock", // an agent of this machine is not the one under test
      CNI_COMMAND: verb,
      CNI_CONTAINERID: more.sandbox ?? `sandbox-${pod}`,
      CNI_NETNS: more.netns ?? "/nonexistent",
      CNI_IFNAME: more.ifname ?? "net1",
      CNI_PATH: `${join(DIST, "cni")}:${MAIN_PLUGINS}`,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`,
      ...more.env,
    },
    stdin: Buffer.from(typeof config === "string" ? config : JSON.stringify(config)),
    stdout: "pipe",
    stderr: "pipe",
  });
}

export async function call(request: Call): Promise<Answer> {
  const child = start(request);
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, stdout, stderr };
}

/** The addresses of a result, without prefix length. */
export function addressesOf(stdout: string): string[] {
  const result: { ips?: { address: string }[] } = JSON.parse(stdout);
  return (result.ips ?? []).map(({ address }) => address.replace(/\/.*/, ""));
}

export function codeOf({ stdout }: Answer): number {
  return JSON.parse(stdout).code;
}

/** A folder that is gone when the test is over, with a database in it. */
export async function withFolder(body: (database: string, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-system-"));
  try {
    await body(join(folder, "ipam.db"), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export type Held = { pod: string; sandbox: string; address: string };

/** What the database says, read past Berth. */
export function heldIn(database: string): Held[] {
  const db = new Database(database, { readonly: true });
  db.run("PRAGMA busy_timeout = 10000"); // a killed writer leaves the next process a log to recover
  const rows = db
    .query<Held, []>("SELECT pod_name AS pod, sandbox, address FROM claim ORDER BY address")
    .all();
  db.close();
  return rows;
}

/** A netconf of the whereabouts plugin on a database. */
export function whereabouts(database: string, ipam: object, top: object = {}): object {
  return {
    cniVersion: "1.0.0",
    name: "net",
    type: "bridge",
    ipam: { type: "whereabouts", datastore: "sqlite", database, ...ipam },
    ...top,
  };
}
