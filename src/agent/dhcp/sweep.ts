import type { Clock, Timer } from "../../clock.ts";
import type { Attachment } from "../../cni/attachments.ts";
import type { CniError } from "../../cni/error.ts";
import type { Log } from "../../log.ts";
import type { Result } from "../../result.ts";
import { isPresent } from "./apply.ts";
import type { LeaseBook } from "./book.ts";
import type { Holder } from "./holder.ts";
import { aboutOf, attachmentOf } from "./record.ts";

export type SweepOptions = {
  readonly clock: Clock;
  readonly interval: number;
  readonly log: Log;
  readonly holders: () => readonly Holder[];
  readonly release: (attachment: Attachment) => Promise<Result<void, CniError>>;
  readonly book: LeaseBook;
};

/** So many interfaces are looked for in one go; a look takes a few dozen microseconds, and calls wait meanwhile. */
const SLICE = 20;
/** Between two goes, in milliseconds. */
const BREATH = 5;

/**
 * Finds leases whose pod is gone without a DEL, and those whose DEL came while no daemon was there, and gives them back. An interface counts
 * as gone when two rounds in a row have not seen it.
 */
export class Sweep {
  readonly #options: SweepOptions;
  #timer: Timer;
  #stopped = false;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#timer = options.clock.after(0, () => void this.#round());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  async #round(): Promise<void> {
    const { clock, interval, log } = this.#options;
    try {
      await this.#finishEnded();
      await this.#look();
    } catch (error) {
      log("error", "leases could not be looked after", { why: String(error) });
    }
    if (!this.#stopped) this.#timer = clock.after(interval, () => void this.#round());
  }

  async #finishEnded(): Promise<void> {
    const { book, release, log } = this.#options;
    for (const attachment of book.ended()) {
      if (this.#stopped) return;
      log("verbose", "a DEL that came while the daemon was away is done now", {
        sandbox: attachment.containerId,
        ifname: attachment.ifname,
      });
      const released = await release(attachment);
      if (released.ok) await book.forgetEnd(attachment);
    }
  }

  async #look(): Promise<void> {
    const { clock, holders, release, log } = this.#options;
    for (const [index, holder] of holders().entries()) {
      if (index % SLICE === SLICE - 1) await new Promise<void>((resolve) => clock.after(BREATH, resolve));
      if (this.#stopped) return;
      if (isPresent(holder.ref)) {
        holder.missing = false;
        if (holder.stopped) holder.adopt();
      } else if (!holder.missing) {
        holder.missing = true;
      } else {
        const { record } = holder;
        log("error", "the interface of a lease is gone without a DEL", aboutOf(record));
        await release(attachmentOf(record));
      }
    }
  }
}
