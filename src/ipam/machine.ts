import { appendFileSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import type { Clock } from "../clock.ts";
import { isObject } from "../cni/json.ts";
import { flatFileCandidates, type StoreChoice } from "../config/index.ts";
import { nodeName } from "../kube/node-name.ts";
import { jsonLog, type Log, type LogLevel } from "../log.ts";
import type { Result } from "../result.ts";
import type { Store, StoreError } from "../store/store.ts";
import type { Host } from "./host.ts";
import type { DhcpAccess } from "./leases.ts";
import type { KnownConfigs } from "./load.ts";

/** How long a caller may wait for a store, in milliseconds: kubelet's own limit is minutes, people's is not. */
export const PATIENCE = 10_000;

/**
 * Of a process for one call on SQLite; upstream's DEL waits as long. A crowd of them takes the processor from the one that holds
 * the lock: of 200 that start at once on two slow cores some wait for 30 s. Fairer ways to wait cost more than they give.
 */
export const PATIENCE_ALONE = 60_000;

/** This machine; which stores are open, and how, is up to the process. */
export class Machine implements Host {
  readonly log: Log;
  readonly dhcp?: DhcpAccess;
  readonly inCluster: boolean;
  readonly known?: KnownConfigs;
  readonly #open: Host["store"];
  readonly #clock: Clock;

  constructor(
    log: Log,
    open: Host["store"],
    clock: Clock,
    { dhcp, inCluster = false, known }: Pick<Host, "dhcp" | "inCluster" | "known"> = {},
  ) {
    this.log = log;
    if (dhcp) this.dhcp = dhcp;
    if (known) this.known = known;
    this.inCluster = inCluster;
    this.#open = open;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  store(choice: StoreChoice): Result<Store, StoreError> {
    return this.#open(choice);
  }

  readFile(path: string): string | undefined {
    return readSmallFile(path);
  }

  netnsId(path: string): string | undefined {
    return netnsId(path);
  }

  node(configurationPath: string | undefined): string {
    return thisNode(configurationPath);
  }
}

/** What Kubernetes calls this node, see `nodeName`. */
export function thisNode(configurationPath?: string): string {
  return nodeName({
    env: process.env.NODENAME,
    ...(configurationPath !== undefined && { configurationPath }),
    readFile: readSmallFile,
    hostname,
  });
}

function readSmallFile(path: string): string | undefined {
  // A folder or a missing file is no flat file; one that is there but cannot be read is an error worth seeing.
  return isFile(path) ? readFileSync(path, "utf8") : undefined;
}

/** `device:inode` of a network namespace; undefined if the path cannot be read: upstream skips its check then. */
export function netnsId(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

const LEVELS: readonly LogLevel[] = ["debug", "verbose", "error", "panic"];

/** The log that a network configuration or the node's flat file asks for (`log_file`, `log_level`), else `write`. */
export function logOf(
  stdin: string,
  write: (line: string) => void,
  now: () => number,
  least: LogLevel = "verbose",
): Log {
  const { file, level } = logTarget(stdin);
  const toFile = (line: string) => {
    if (file === undefined || !tryAppend(file, line)) write(line);
  };
  return jsonLog(toFile, level ?? least, now);
}

type LogTarget = { readonly file?: string; readonly level?: LogLevel };

function logTarget(stdin: string): LogTarget {
  // Most configurations name neither: the text is read a second time only if it may.
  const mayHaveFlatFile = stdin.includes('"whereabouts"');
  if (!stdin.includes("log_") && !mayHaveFlatFile) return {};
  const config = parsed(stdin);
  const ipam = isObject(config) && isObject(config.ipam) ? config.ipam : {};
  const own = targetIn(ipam);
  if (ipam.type !== "whereabouts" || (own.file !== undefined && own.level !== undefined)) return own;
  return { ...targetIn(flatFileOf(ipam.configuration_path)), ...own };
}

function targetIn(ipam: { readonly [key: string]: unknown }): LogTarget {
  const file = ipam.log_file;
  const level = LEVELS.find((known) => known === ipam.log_level);
  return { ...(typeof file === "string" && file !== "" && { file }), ...(level && { level }) };
}

/** The flat file that counts; empty if there is none or it cannot be used, which the reader of the configuration reports. */
function flatFileOf(configurationPath: unknown): { readonly [key: string]: unknown } {
  const given = typeof configurationPath === "string" ? configurationPath : undefined;
  const path = flatFileCandidates(given).find(isFile);
  if (path === undefined) return {};
  try {
    const text = readFileSync(path, "utf8");
    const content = text.includes("log_") ? parsed(text) : undefined;
    return isObject(content) ? content : {};
  } catch {
    return {};
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // whoever needs the rest of it reports that
  }
}

function tryAppend(file: string, line: string): boolean {
  try {
    // Writing to a pipe that nobody reads would never return.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) return false;
    appendFileSync(file, line, { mode: 0o600 });
    return true;
  } catch {
    return false; // a log that cannot be written must not cost a pod its address: the line goes elsewhere
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch (error) {
    // A path that goes on below a file names nothing either.
    if (error instanceof Error && "code" in error && error.code === "ENOTDIR") return false;
    throw error;
  }
}
