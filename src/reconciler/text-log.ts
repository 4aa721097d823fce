import type { Log, LogLevel } from "../log.ts";

const RANK: Record<LogLevel, number> = { debug: 0, verbose: 1, error: 2, panic: 3 };

/** Lines as whereabouts writes them, `2026-01-01T00:00:00Z [verbose] text`, for people who look for its texts. Fields are left out. */
export function textLog(write: (line: string) => void, least: LogLevel, now: () => number): Log {
  return (level, msg) => {
    if (RANK[level] < RANK[least]) return;
    const time = new Date(now()).toISOString().replace(/\.\d+Z$/, "Z");
    write(`${time} [${level}] ${msg.replaceAll("\n", " ")}\n`);
  };
}
