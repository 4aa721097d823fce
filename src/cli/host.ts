import { appendFileSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { isObject } from "../cni/json.ts";
import type { StoreChoice } from "../config/index.ts";
import type { Host } from "../ipam/host.ts";
import { jsonLog, type Log, type LogLevel } from "../log.ts";
import { ok, type Result } from "../result.ts";
import { openStore } from "../store/open.ts";
import type { Store, StoreError } from "../store/store.ts";

/** How long a caller may wait for the store, in milliseconds: kubelet's own limit is minutes, people's is not. */
const PATIENCE = 10_000;

/** The machine as a one-shot process sees it. */
export class ProcessHost implements Host {
  readonly node: string;
  readonly log: Log;
  readonly #stores = new Map<string, Store>();

  constructor(log: Log) {
    this.log = log;
    this.node = process.env.NODENAME || hostname();
  }

  now(): number {
    return Date.now();
  }

  store(choice: StoreChoice): Result<Store, StoreError> {
    const key = JSON.stringify(choice);
    const known = this.#stores.get(key);
    if (known) return ok(known);
    const opened = openStore(choice, PATIENCE);
    if (opened.ok) this.#stores.set(key, opened.value);
    return opened;
  }

  readFile(path: string): string | undefined {
    // A folder or a missing file is no flat file; one that is there but cannot be read is an error worth seeing.
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
    return readFileSync(path, "utf8");
  }

  netnsId(path: string): string | undefined {
    try {
      const { dev, ino } = statSync(path, { bigint: true });
      return `${dev}:${ino}`;
    } catch {
      return undefined; // upstream skips the check too where the path cannot be read
    }
  }

  close(): void {
    for (const store of this.#stores.values()) store.close();
    this.#stores.clear();
  }
}

/** The log that a network configuration asks for (`log_file`, `log_level`); standard error otherwise. */
export function logOf(stdin: string): Log {
  const { file, level } = logTarget(stdin);
  const write = (line: string) => {
    if (file !== undefined && tryAppend(file, line)) return;
    process.stderr.write(line);
  };
  return jsonLog(write, level, Date.now);
}

const LEVELS: readonly LogLevel[] = ["debug", "verbose", "error", "panic"];

function logTarget(stdin: string): { file?: string; level: LogLevel } {
  let config: unknown;
  try {
    config = JSON.parse(stdin);
  } catch {
    return { level: "verbose" }; // the protocol layer reports it
  }
  const ipam = isObject(config) && isObject(config.ipam) ? config.ipam : {};
  const file = ipam.log_file;
  const level = LEVELS.find((known) => known === ipam.log_level) ?? "verbose";
  return typeof file === "string" && file !== "" ? { file, level } : { level };
}

function tryAppend(file: string, line: string): boolean {
  try {
    appendFileSync(file, line, { mode: 0o600 });
    return true;
  } catch {
    return false; // a log that cannot be written must not cost a pod its address: the line goes to stderr
  }
}
