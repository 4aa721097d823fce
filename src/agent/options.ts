import { readFileSync } from "node:fs";
import { isObject } from "../cni/json.ts";
import { nearest } from "../config/index.ts";
import type { LogLevel } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { type Listen, readListen } from "./listen.ts";

/** What may change while the agent runs: from the flags, or from the file that SIGHUP reads again. */
export type Settings = {
  readonly logLevel: LogLevel;
  /** Where /metrics, /healthz and /readyz are served; undefined: nowhere. */
  readonly metrics: Listen | undefined;
  /** How many calls may be under way before new ones are told to come again. */
  readonly maxCalls: number;
  /**
   * Milliseconds that what this node holds in its slices may wait before it is written to the API server; 0: it is written
   * before the answer.
   */
  readonly sliceWriteDelay: number;
};

export const DEFAULT_SETTINGS: Settings = {
  logLevel: "verbose",
  metrics: { hostname: "127.0.0.1", port: 9478 },
  maxCalls: 1024,
  sliceWriteDelay: 1_000,
};

const LEVELS: readonly LogLevel[] = ["debug", "verbose", "error", "panic"];
const KEYS = ["logLevel", "metricsAddress", "maxCalls", "sliceWriteDelay"];

/** Values as texts by key, such as flags give them; the error names the key, the value and what would be right. */
export function readSettings(
  given: { readonly [key: string]: unknown },
  base: Settings,
): Result<Settings, string> {
  let settings = base;
  for (const [key, value] of Object.entries(given)) {
    const next = readSetting(key, value, settings);
    if (!next.ok) return next;
    settings = next.value;
  }
  return ok(settings);
}

/** The file of `--config`: a JSON object of the same keys. */
export function readSettingsFile(path: string, base: Settings): Result<Settings, string> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(content)) return err(`${path}: not a JSON object`);
  const settings = readSettings(content, base);
  return settings.ok ? settings : err(`${path}: ${settings.error}`);
}

function readSetting(key: string, value: unknown, settings: Settings): Result<Settings, string> {
  const refuse = (right: string) => err(`${key}: ${JSON.stringify(value)} is not ${right}`);
  if (key === "logLevel") {
    const logLevel = LEVELS.find((level) => level === value);
    return logLevel ? ok({ ...settings, logLevel }) : refuse(`one of ${LEVELS.join(", ")}`);
  }
  if (key === "maxCalls") {
    const maxCalls = Number(value);
    const right = Number.isInteger(maxCalls) && maxCalls >= 1 && maxCalls <= 100_000;
    return right ? ok({ ...settings, maxCalls }) : refuse("a whole number from 1 to 100000");
  }
  if (key === "sliceWriteDelay") {
    const sliceWriteDelay = Number(value);
    const right = Number.isInteger(sliceWriteDelay) && sliceWriteDelay >= 0 && sliceWriteDelay <= 60_000;
    return right
      ? ok({ ...settings, sliceWriteDelay })
      : refuse("a whole number of milliseconds from 0 to 60000");
  }
  if (key === "metricsAddress") {
    if (value === "off") return ok({ ...settings, metrics: undefined });
    const metrics = readListen(String(value));
    if (!metrics) return refuse('HOST:PORT, such as 127.0.0.1:9478, or "off"');
    return ok({ ...settings, metrics });
  }
  const meant = nearest(key, KEYS);
  return err(`${key} is no setting${meant ? `; is ${meant} meant?` : `; there are ${KEYS.join(", ")}`}`);
}
