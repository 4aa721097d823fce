import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { openLibc } from "../netns/open-libc.ts";

/**
 * Two of the three compilers of JavaScriptCore take 2 MiB from the start and 15 MiB once they have worked, and a daemon that waits for
 * sockets and disks most of its time is not faster for them (make bench: memory of the agent). The first one, which is cheap, begins
 * after 100 rounds instead of 500: a node may see only a few hundred calls a day.
 * The allocator gives the free parts of pages back whenever the process has nothing to do for a moment, ten times a second; the next
 * event takes them again. Every five seconds is often enough, and costs a third less in a crowd of calls (make bench: on a cluster).
 */
const LEAN = {
  BUN_JSC_useDFGJIT: "0",
  BUN_JSC_thresholdForJITAfterWarmUp: "100",
  BUN_JSC_thresholdForJITSoon: "50",
  MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "5000",
};

/**
 * A heap that is collected early. A daemon that keeps a thousand DHCP leases takes 8 MiB less for a fifth more of computing
 * (make bench: DHCP).
 */
export const EARLY_COLLECTION = { BUN_JSC_forceMiniVMMode: "1" };

/**
 * Starts this process anew, under its number and with its descriptors, with the options of the engine that suit a daemon: it reads them
 * only from the environment, and only at the start. Returns where they are set, by this or by an administrator, or where it cannot be done.
 */
export function becomeLean(env: NodeJS.ProcessEnv, more: { readonly [name: string]: string } = {}): void {
  const options = { ...LEAN, ...more };
  if (Object.keys(options).every((name) => env[name] !== undefined)) return; // so it is already
  const args = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  const { execve } = openLibc({ execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" } });
  const settings = Object.entries({ ...options, ...env }).map(([name, value]) => `${name}=${value}`);
  const path = cString(process.execPath);
  const argv = pointers(args);
  const envp = pointers(settings);
  execve(ptr(path), ptr(argv.table), ptr(envp.table));
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** A null-terminated table of strings, and the strings, which must live as long as the table is used. */
function pointers(texts: readonly string[]): { table: BigUint64Array; strings: Buffer[] } {
  const strings = texts.map(cString);
  return { table: BigUint64Array.from([...strings.map((each) => BigInt(ptr(each))), 0n]), strings };
}
