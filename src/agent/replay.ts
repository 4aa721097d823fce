import { type Clock, sleep, type Timer } from "../clock.ts";
import type { Log } from "../log.ts";
import { type Calls, messageOf } from "./calls.ts";
import type { Journal } from "./journal.ts";
import type { AgentMetrics } from "./observe.ts";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 5 * 60_000;
/** Looked for at least this often; the time to the next entry is usually shorter. */
const ROUND = 60_000;
const AT_ONCE = 32;

/** Milliseconds until the next attempt: doubling, and spread so that nodes do not come back all at once. */
export function pauseAfter(attempts: number, random: () => number): number {
  const doubled = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempts, 20));
  return Math.round(doubled * (0.5 + random() / 2));
}

export type ReplayOptions = {
  readonly calls: Calls;
  readonly journal: Journal;
  readonly metrics: AgentMetrics;
  readonly log: Log;
  readonly clock: Clock;
};

/** Works off the journal until nothing is owed, with growing pauses for what fails. */
export class Replay {
  readonly #options: ReplayOptions;
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Looks at the journal when its next entry is due. Call it again when something was added. */
  schedule(): void {
    this.#timer?.cancel();
    if (this.#stopped || this.#round) return;
    const { journal, clock } = this.#options;
    const next = journal.nextDue();
    if (next === undefined) return;
    const wait = Math.min(ROUND, Math.max(0, next - clock.now()));
    this.#timer = clock.after(wait, () => this.#start());
  }

  /** Ends after the attempts that are under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#round;
  }

  #start(): void {
    this.#round = this.#work().finally(() => {
      this.#round = undefined;
      this.schedule();
    });
  }

  async #work(): Promise<void> {
    const { journal, calls, metrics, log, clock } = this.#options;
    try {
      const due = journal.due(clock.now(), AT_ONCE, clock.now() + LONGEST_PAUSE);
      await Promise.all(
        due.map(async (pending) => {
          const reply = await calls.redo(pending);
          const outcome = reply === undefined ? "superseded" : reply.exit === 0 ? "done" : "failed";
          metrics.replayed(outcome);
          if (reply === undefined || outcome !== "failed") return;
          const due = clock.now() + pauseAfter(pending.attempts, clock.random);
          journal.postpone(pending.id, due, messageOf(reply));
        }),
      );
    } catch (error) {
      // The entries stay where they are; only the journal itself can fail here.
      log("error", "the journal cannot be worked off", { error: String(error) });
      await sleep(clock, FIRST_PAUSE);
    }
  }
}
