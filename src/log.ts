export type LogLevel = "debug" | "verbose" | "error" | "panic";

export type LogFields = { readonly [key: string]: string | number | boolean | undefined };

/** Writes one line; `fields` say what was decided for whom. Never throws. */
export type Log = (level: LogLevel, msg: string, fields?: LogFields) => void;

const RANK: Record<LogLevel, number> = { debug: 0, verbose: 1, error: 2, panic: 3 };

/** One JSON object a line, to whatever `write` is; lines below `least` are left out. */
export function jsonLog(write: (line: string) => void, least: LogLevel, now: () => number): Log {
  return (level, msg, fields = {}) => {
    if (RANK[level] < RANK[least]) return;
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), level, msg, ...fields })}\n`);
  };
}
