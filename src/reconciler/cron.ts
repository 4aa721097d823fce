import { Cron } from "croner";
import { err, ok, type Result } from "../result.ts";

export type CronSchedule = {
  readonly expression: string;
  /** The first time of the schedule after `time`, both in milliseconds since 1970; undefined: there is none. */
  readonly next: (time: number) => number | undefined;
};

const FIELDS = "five fields are wanted: minute, hour, day of month, month, day of week, such as */15 * * * *";

/** Reads a cron expression of five fields; times are UTC. The error says what would be right. */
export function parseCron(text: string): Result<CronSchedule, string> {
  const expression = text.trim();
  const fields = expression === "" ? 0 : expression.split(/\s+/).length;
  const shown = JSON.stringify(expression.slice(0, 200));
  if (fields === 6) return err(`${shown} has a field for seconds, which is not supported; ${FIELDS}`);
  if (fields !== 5) return err(`${shown} has ${fields} ${fields === 1 ? "field" : "fields"}; ${FIELDS}`);
  try {
    const cron = new Cron(expression, { mode: "5-part", timezone: "UTC", paused: true });
    return ok({ expression, next: (time) => cron.nextRun(new Date(time))?.getTime() });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return err(`${shown}: ${why}; ${FIELDS}`);
  }
}
