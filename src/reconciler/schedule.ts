import type { Log } from "../log.ts";
import { type CronSchedule, parseCron } from "./cron.ts";

/** Where the schedule comes from; the texts are read at every change. */
export type ScheduleSources = {
  /** The file of the ConfigMap; undefined where there is none. */
  readonly mounted: () => string | undefined;
  /** `reconciler_cron_expression` of the node's flat file. */
  readonly flatFile: () => string | undefined;
};

/** What upstream's installer writes into the flat file. */
export const DEFAULT_CRON = "30 4 * * *";

/** Which schedule is in force. An expression that cannot be read changes nothing (upstream crashed on one). */
export class Schedule {
  readonly #sources: ScheduleSources;
  readonly #log: Log;
  readonly #listeners = new Set<() => void>();
  #current: CronSchedule | undefined;
  #isValid = true;

  constructor(sources: ScheduleSources, log: Log) {
    this.#sources = sources;
    this.#log = log;
    this.reload();
  }

  /** False while the configured expression cannot be read and an earlier one, or the default, is in force. */
  get isValid(): boolean {
    return this.#isValid;
  }

  get expression(): string {
    return this.#current?.expression ?? "";
  }

  next(time: number): number | undefined {
    return this.#current?.next(time);
  }

  /** Calls `listener` after each change; call the result to end it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the sources again. `file`: the one whose change asks for it, for the log. */
  reload(file?: string): void {
    const log = this.#log;
    const text = this.#read();
    const parsed = parseCron(text);
    this.#isValid = parsed.ok;
    const next = parsed.ok ? parsed.value : this.#fallback(parsed.error);
    log("verbose", `using expression: ${next.expression}`);
    const isNew = next.expression !== this.#current?.expression;
    if (file !== undefined && parsed.ok) {
      log("verbose", `configuration updated to file "${file}". New cron expression: ${next.expression}`);
      if (!isNew) log("debug", "no changes in schedule, nothing to do.");
    }
    this.#current = next;
    if (!isNew) return;
    if (file !== undefined) {
      const id = crypto.randomUUID();
      log(
        "verbose",
        `successfully updated CRON configuration id "${id}" - new cron expression: ${next.expression}`,
      );
    }
    for (const listener of this.#listeners) listener();
  }

  #read(): string {
    const mounted = this.#sources.mounted()?.trim() ?? "";
    if (mounted !== "") return mounted;
    const flat = this.#sources.flatFile()?.trim() ?? "";
    const found = flat === "" ? DEFAULT_CRON : flat;
    this.#log(
      "debug",
      `notice: could not read file: there is no schedule, defaulting to expression from configuration: ${found}`,
    );
    return found;
  }

  #fallback(why: string): CronSchedule {
    const kept = this.#current ?? parsedDefault();
    this.#log("error", `the schedule is not changed: ${why}`, { expression: kept.expression });
    return kept;
  }
}

function parsedDefault(): CronSchedule {
  const parsed = parseCron(DEFAULT_CRON);
  // The default is a constant that parses; a schedule without times is the safe answer otherwise.
  return parsed.ok ? parsed.value : { expression: DEFAULT_CRON, next: () => undefined };
}
