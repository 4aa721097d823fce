/**
 * One finished process: milliseconds of wall and CPU time. No memory: a child that Bun starts inherits the peak of
 * its parent in the accounting of Linux, so the figure would be the benchmark's own.
 */
export type Sample = { wall: number; cpu: number; exit: number };

export type Program = { command: readonly string[]; env?: Record<string, string>; stdin?: string };

/** Runs a program once; its time is the operating system's own accounting of that process. */
export async function measure({ command, env = {}, stdin = "" }: Program): Promise<Sample> {
  const started = performance.now();
  const child = Bun.spawn([...command], {
    env: { PATH: process.env.PATH, ...env },
    stdin: Buffer.from(stdin),
    stdout: "ignore",
    stderr: "ignore",
  });
  const exit = await child.exited;
  const wall = performance.now() - started;
  const usage = child.resourceUsage();
  if (!usage) throw new Error(`no accounting for ${command.join(" ")}`);
  return { wall, exit, cpu: Number(usage.cpuTime.total) / 1000 };
}

/**
 * Runs the programs in turn, A B C A B C …, so that a drift of the machine meets them all alike. Each gets the
 * number of its run, since most calls need an owner of their own.
 */
export async function interleave(
  programs: readonly ((run: number) => Program)[],
  runs: number,
  warmUp: number,
): Promise<Sample[][]> {
  const samples: Sample[][] = programs.map(() => []);
  for (let run = 0; run < warmUp + runs; run++) {
    for (const [index, program] of programs.entries()) {
      const sample = await measure(program(run));
      if (sample.exit !== 0) throw new Error(`run ${run} failed: ${program(run).command.join(" ")}`);
      if (run >= warmUp) samples[index]?.push(sample);
    }
  }
  return samples;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
