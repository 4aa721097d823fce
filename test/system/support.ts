import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { DIST, MAIN_PLUGINS } from "./plugin.ts";

/** Why tests with real namespaces cannot run here, if they cannot. */
export function missingForNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  for (const plugin of ["bridge", "macvlan"]) {
    if (!existsSync(join(MAIN_PLUGINS, plugin))) return `no ${plugin} in ${MAIN_PLUGINS}`;
  }
  for (const tool of ["ip", "ping"]) if (Bun.which(tool) === null) return `${tool} is missing`;
  return undefined;
}

/** Asks again until the answer is yes; an error that names the wish if it never is. */
export async function until(wish: string, seconds: number, yes: () => boolean): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!yes()) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${wish}`);
    await Bun.sleep(20);
  }
}

type LinkAddress = { family: string; local: string; prefixlen: number; scope: string; tentative?: boolean };

/** What an interface in a namespace carries, link-local addresses left out. */
export function carried(namespace: string, ifname: string): LinkAddress[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync([
    ...["ip", "-n", namespace, "-j", "addr", "show", "dev", ifname],
  ]);
  if (exitCode !== 0) throw new Error(`ip addr in ${namespace}: ${stderr.toString()}`);
  const links: { addr_info: LinkAddress[] }[] = JSON.parse(stdout.toString());
  return links.flatMap(({ addr_info }) => addr_info).filter(({ scope }) => scope !== "link");
}

/** Whether one ping came back, in a bounded number of tries. */
export async function reaches(namespace: string, address: string): Promise<boolean> {
  for (let tries = 0; tries < 5; tries++) {
    const ping = Bun.spawn(["ip", "netns", "exec", namespace, "ping", "-c1", "-W2", address], {
      stdout: "ignore",
      stderr: "ignore",
    });
    if ((await ping.exited) === 0) return true;
  }
  return false;
}

/** The answer of `berth pools` or `berth show` on a database. */
function ask<T>(command: "pools" | "show", database: string): T {
  const { exitCode, stdout, stderr } = Bun.spawnSync([
    ...[join(DIST, "berth"), command, "-o", "json", "--database", database],
  ]);
  expect(exitCode, stderr.toString()).toBe(0);
  return JSON.parse(stdout.toString());
}

/** Berth's own word that no address of the database is held. */
export function expectNothingHeld(database: string): void {
  expect(ask<object[]>("show", database)).toEqual([]);
  const pools = ask<{ used: string }[]>("pools", database);
  expect(pools.filter(({ used }) => used !== "0")).toEqual([]);
}

export type Row = { pool: number; realm: number | null; address: string; pod: string; sandbox: string };
type Run = { space: number; first: string; last: string };

/** Claims and runs as of one moment, read past Berth. */
export function snapshot(database: string): { claims: Row[]; runs: Run[] } {
  const db = new Database(database, { readonly: true });
  try {
    db.run("PRAGMA busy_timeout = 10000"); // a killed writer leaves the next process a log to recover
    db.run("BEGIN");
    const claims = db
      .query<Row, []>("SELECT pool, realm, address, pod_name AS pod, sandbox FROM claim ORDER BY address")
      .all();
    const runs = db.query<Run, []>("SELECT space, first, last FROM run ORDER BY space, first").all();
    db.run("COMMIT");
    return { claims, runs };
  } finally {
    db.close();
  }
}

/** The runs as they must be, made from the claims alone. */
export function derivedRuns(claims: readonly Row[]): Run[] {
  const points = claims
    .flatMap(({ pool, realm, address }) =>
      [pool, ...(realm === null ? [] : [realm])].map((s) => [s, address]),
    )
    .map(([space, address]) => ({ space: Number(space), address: String(address) }))
    .sort((a, b) => a.space - b.space || (a.address < b.address ? -1 : 1));
  const runs: Run[] = [];
  for (const { space, address } of points) {
    const run = runs.at(-1);
    if (run?.space === space && BigInt(`0x${run.last}`) + 1n === BigInt(`0x${address}`)) run.last = address;
    else runs.push({ space, first: address, last: address });
  }
  return runs;
}

/** The database's form of an address: hexadecimal digits of its full width. */
export function hexOf(address: string): string {
  const digits = (text: string, radix: number, width: number) =>
    Number.parseInt(text, radix).toString(16).padStart(width, "0");
  if (!address.includes(":"))
    return address
      .split(".")
      .map((part) => digits(part, 10, 2))
      .join("");
  const [head = "", tail = ""] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => digits(group, 16, 4)));
  const [before, after] = [groups(head), groups(tail)];
  return [...before, ...Array<string>(8 - before.length - after.length).fill("0000"), ...after].join("");
}

/** Whether a process has a file open; a process that is gone has none. */
export function hasOpen(pid: number, file: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)) === file);
  } catch {
    return false; // it ended, or closed the descriptor, between two looks
  }
}

/** Mulberry32: a printed seed replays the same choices. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
