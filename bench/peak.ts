import { dlopen, FFIType } from "bun:ffi";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Program } from "./measure.ts";

const PR_SET_CHILD_SUBREAPER = 36;
// struct rusage of 64-bit Linux in words: two timevals of two, then ru_maxrss in KiB, and 13 more.
const RUSAGE_WORDS = 18;
const MAXRSS_WORD = 4;
const TRIES = 10;

/**
 * A meter of a program's peak memory in MiB. The accounting of Linux gives a process at least the peak of the
 * one that executed it, which for a child of Bun is Bun's own 40 MiB. So a small shell starts the program and
 * leaves; the orphan comes to us as its reaper, and its figure has only the shell's 1 MiB for a floor.
 */
export function peakMeter(folder: string): (program: Program) => number {
  const { symbols: libc } = dlopen("libc.so.6", {
    prctl: {
      args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64],
      returns: FFIType.i32,
    },
    wait4: { args: [FFIType.i32, FFIType.ptr, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  const input = join(folder, "peak.json");
  const adopt = (on: 0 | 1) => {
    if (libc.prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0) !== 0) throw new Error("orphans cannot be adopted");
  };
  const once = ({ command, env = {}, stdin = "" }: Program): number | undefined => {
    const name = command.join(" ");
    writeFileSync(input, stdin);
    adopt(1);
    try {
      const script = 'input=$1; shift; "$@" <"$input" >/dev/null 2>&1 & echo $!';
      const shell = Bun.spawnSync(["/bin/sh", "-c", script, "sh", input, ...command], {
        env: { PATH: process.env.PATH, ...env },
      });
      const pid = Number(shell.stdout.toString());
      const status = new Int32Array(1);
      const usage = new BigInt64Array(RUSAGE_WORDS);
      if (libc.wait4(pid, status, 0, usage) !== pid) return undefined;
      if (status[0] !== 0) throw new Error(`the run for memory failed: ${name}`);
      return Number(usage[MAXRSS_WORD]) / 1024;
    } finally {
      adopt(0);
    }
  };
  return (program) => {
    // A program that ends before its shell does may be waited for by the shell: then it is run once more.
    for (let left = TRIES; left > 0; left--) {
      const peak = once(program);
      if (peak !== undefined) return peak;
    }
    throw new Error(`${program.command.join(" ")} was not ours to wait for`);
  };
}
