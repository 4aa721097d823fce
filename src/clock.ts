/**
 * Time and chance as a process has them. Whatever waits, measures or draws takes a Clock, so that a test or a simulation
 * can bring its own and replay a run from one seed.
 */
export interface Clock {
  /** Milliseconds since 1970. Jumps when someone sets the clock of the machine. */
  now(): number;
  /** Milliseconds from an arbitrary start that never jump: for durations and deadlines. */
  elapsed(): number;
  /** In [0, 1). */
  random(): number;
  /**
   * Runs `run` once, so many milliseconds from now, unless it is cancelled before; 0 is "when what has arrived by now
   * has been read".
   */
  after(ms: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  random: Math.random,
  after: (ms, run) => {
    if (ms <= 0) {
      const immediate = setImmediate(run); // a timer would wait for a whole millisecond
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * Runs `run` once at a time of `clock.elapsed()`, or before it: one that is further away than timers reach, 2^31 ms, is to be set
 * again.
 */
export function alarm(clock: Clock, at: number, run: () => void): Timer {
  return clock.after(Math.min(LONGEST, Math.max(0, Math.ceil(at - clock.elapsed()))), run);
}

const LONGEST = 2 ** 31 - 1;

/** Resolves after so many milliseconds, or as soon as the signal aborts. Never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal?.aborted) return Promise.resolve();
  const done = () => {
    timer.cancel();
    signal?.removeEventListener("abort", done);
    resolve();
  };
  const timer = clock.after(ms, done);
  signal?.addEventListener("abort", done, { once: true });
  return promise;
}
