import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/**
 * A log whose lines say when they were told and are written when the caller has its answer: finding out where they go, and the pipe
 * there, are a tenth of the agent's work for an ADD. Errors are written at once.
 */
export function logAfterwards(clock: Clock, open: (now: () => number) => Log): Log {
  return (level, msg, fields) => {
    const now = clock.now();
    const write = () => open(() => now)(level, msg, fields);
    if (level === "error" || level === "panic") write();
    else clock.after(0, write);
  };
}
