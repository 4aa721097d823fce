import type { Clock, Timer } from "../clock.ts";
import { releaseExpired } from "../inspect/steer.ts";
import { thisNode } from "../ipam/machine.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import { type History, recorded } from "./history.ts";

/** Milliseconds until a store that was opened is looked after, behind the calls that wait for it, and from then on. */
const FIRST = 2_000;
const AGAIN = 600_000;

export type TendingOptions = {
  readonly clock: Clock;
  readonly log: Log;
  readonly history: History | undefined;
};

/** Looks after open stores: the history is compared with what they hold, and reservations whose time is over end. */
export class Tending {
  readonly #options: TendingOptions;
  readonly #timers = new Set<Timer>();
  #stopped = false;

  constructor(options: TendingOptions) {
    this.#options = options;
  }

  /** From now on until it is closed. `sweeps`: reservations are this node's to end. */
  add(store: Store, sweeps: boolean): void {
    this.#after(FIRST, store, sweeps);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
  }

  #after(ms: number, store: Store, sweeps: boolean): void {
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(timer);
      void this.#tend(store, sweeps);
    });
    this.#timers.add(timer);
  }

  async #tend(store: Store, sweeps: boolean): Promise<void> {
    const { clock, log, history } = this.#options;
    try {
      const claims = await store.claims({});
      if (claims.ok) history?.reconcile(store.name, thisNode(), claims.value);
      if (!sweeps) return;
      const ended = await releaseExpired(history ? recorded(store, history) : store, clock.now());
      if (ended.ok && ended.value > 0)
        log("verbose", "reservations ended", { store: store.name, count: ended.value });
      // A store that was closed is tended again when it is opened again.
      if (!this.#stopped && (ended.ok || ended.error.retry === "transient"))
        this.#after(AGAIN, store, sweeps);
    } catch (error) {
      log("error", "a store could not be tended", { store: store.name, why: String(error) });
    }
  }
}
