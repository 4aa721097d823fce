import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { err, ok, type Result } from "../result.ts";
import { lockFile } from "./libc.ts";

declare module "bun" {
  /** Bun listens on a socket that it is given; its types do not say so. test/agent/life.test.ts does. */
  function listen<T>(options: { fd: number; socket: Bun.SocketHandler<T> }): Bun.UnixSocketListener<T>;
}

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED = 3;

/** What the agent listens on. */
export type Endpoint = {
  readonly path: string;
  /** A listening socket that systemd made and keeps; the agent then neither makes nor removes it. */
  readonly passed: number | undefined;
  readonly lock: number;
};

/**
 * Takes the socket path for this process. A lock beside it, which ends with the process, says whether another agent
 * lives: the socket file says nothing, since a killed agent leaves it behind.
 */
export function claimEndpoint(path: string, env: NodeJS.ProcessEnv): Result<Endpoint, string> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const lock = openSync(`${path}.lock`, "a+", 0o600);
    if (!lockFile(lock)) {
      const pid = readFileSync(`${path}.lock`, "utf8").trim();
      closeSync(lock);
      return err(
        `another agent${pid && ` (process ${pid})`} serves ${path}; stop it first, or give --socket`,
      );
    }
    truncateSync(`${path}.lock`);
    writeSync(lock, `${process.pid}\n`);
    return ok({ path, lock, passed: passedSocket(env) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return err(`the socket ${path} cannot be prepared: ${why}; its folder must exist and be writable`);
  }
}

/** The descriptor by sd_listen_fds(3), meant for this very process. */
function passedSocket({ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv): number | undefined {
  return LISTEN_PID === String(process.pid) && Number(LISTEN_FDS) >= 1 ? FIRST_PASSED : undefined;
}

/** Listens; a new socket takes the place of an old file in one step, so that no caller finds none. */
export function listen<T>(
  { path, passed }: Endpoint,
  socket: Bun.SocketHandler<T>,
): Bun.UnixSocketListener<T> {
  if (passed !== undefined && isSocket(path)) return Bun.listen<T>({ fd: passed, socket });
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const mask = process.umask(0o177);
  try {
    const listener = Bun.listen<T>({ unix: draft, socket });
    renameSync(draft, path);
    return listener;
  } finally {
    process.umask(mask);
  }
}

/** Removes the socket file, unless it is systemd's. */
export function release({ path, passed, lock }: Endpoint): void {
  if (passed === undefined) rmSync(path, { force: true });
  closeSync(lock);
}

export function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
