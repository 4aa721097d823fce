import type { Counter, Histogram, Registry } from "../metrics.ts";

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What the DHCP role counts. */
export class LeaseMetrics {
  readonly #seconds: Histogram;
  readonly #events: Counter;
  readonly #malformed: Counter;

  /** `states` gives the state of each lease at the moment of a scrape. */
  constructor(registry: Registry, states: () => Iterable<readonly [state: string, count: number]>) {
    registry.gauge("berth_dhcp_leases", "DHCP leases by state.", ["state"], () =>
      [...states()].map(([state, count]): [string[], number] => [[state], count]),
    );
    this.#seconds = registry.histogram(
      "berth_dhcp_acquire_duration_seconds",
      "Time from the first DISCOVER or SOLICIT until the lease was on the disk.",
      [],
      SECONDS,
    );
    this.#events = registry.counter(
      "berth_dhcp_events_total",
      "What happened to leases: acquired, failed, renewed, nak, expired, conflict, released, unreleased.",
      ["event"],
    );
    this.#malformed = registry.counter(
      "berth_dhcp_malformed_packets_total",
      "Packets to DHCP ports that are not DHCP.",
      [],
    );
  }

  acquired(seconds: number): void {
    this.#seconds.observe([], seconds);
    this.#events.add(["acquired"]);
  }

  failed(): void {
    this.#events.add(["failed"]);
  }

  renewed(): void {
    this.#events.add(["renewed"]);
  }

  lost(reason: "nak" | "expired" | "conflict"): void {
    this.#events.add([reason]);
  }

  released(reached: boolean): void {
    this.#events.add([reached ? "released" : "unreleased"]);
  }

  malformed(): void {
    this.#malformed.add([]);
  }
}
