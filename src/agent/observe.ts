import { version } from "../../package.json";
import type { SliceFigures } from "../store/store.ts";
import { type Counter, type Histogram, Registry } from "./metrics.ts";

const VERBS = new Set(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]);

/** Seconds: from a call that touches no store to one that meets the deadline. */
const LATENCY = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH = [1, 2, 4, 8, 16, 32, 64, 128];

export type Gauges = {
  readonly underWay: () => number;
  readonly connections: () => number;
  readonly journalDepth: () => number;
  /** Store, network name, range, total, used. */
  readonly pools: () => Iterable<
    readonly [store: string, network: string, range: string, total: number, used: number]
  >;
};

/** What the node has of slices, by store. */
export type SliceGauges = () => Iterable<{ readonly store: string; readonly figures: SliceFigures }>;

/** What the agent counts. Names and units by the conventions of Prometheus; docs/agent.md lists them. */
export class AgentMetrics {
  readonly registry = new Registry();
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly #requests: Counter;
  readonly #seconds: Histogram;
  readonly #batch: Histogram;
  readonly #rejected: Counter;
  readonly #replays: Counter;

  constructor(started: number) {
    this.started = started;
    const { registry } = this;
    this.#requests = registry.counter(
      "berth_requests_total",
      "Calls of plugins answered, by CNI error code; 0 is success.",
      ["type", "verb", "code"],
    );
    this.#seconds = registry.histogram(
      "berth_request_duration_seconds",
      "Time from a call's arrival to its answer.",
      ["type", "verb"],
      LATENCY,
    );
    this.#batch = registry.histogram("berth_commit_changes", "Changes in one commit of a store.", [], BATCH);
    this.#rejected = registry.counter(
      "berth_connections_rejected_total",
      "Connections that were closed without an answer.",
      ["reason"],
    );
    this.#replays = registry.counter("berth_journal_replays_total", "Calls of the journal done again.", [
      "outcome",
    ]);
    registry.gauge("berth_build_info", "1, with the version.", ["version"], () => [[[version], 1]]);
    registry.gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.", [], () => [
      [[], this.started / 1000],
    ]);
    registry.gauge("process_resident_memory_bytes", "Memory of the process.", [], () => [
      [[], process.memoryUsage.rss()],
    ]);
  }

  /** What is read at each scrape. */
  observe(gauges: Gauges): void {
    const { registry } = this;
    registry.gauge("berth_requests_under_way", "Calls being worked on.", [], () => [[[], gauges.underWay()]]);
    registry.gauge("berth_connections", "Open connections of callers.", [], () => [
      [[], gauges.connections()],
    ]);
    registry.gauge("berth_journal_depth", "Calls owed to a store that was away.", [], () => [
      [[], gauges.journalDepth()],
    ]);
    registry.gauge(
      "berth_pool_addresses",
      "Addresses of a pool, total, used and free.",
      ["store", "network", "range", "state"],
      () =>
        [...gauges.pools()].flatMap(([store, network, range, total, used]): [string[], number][] => [
          [[store, network, range, "total"], total],
          [[store, network, range, "used"], used],
          [[store, network, range, "free"], total - used],
        ]),
    );
  }

  /** Read at each scrape; nothing is shown where no network has slices. */
  observeSlices(read: SliceGauges): void {
    const { registry } = this;
    const each = (of: (figures: SliceFigures) => [string[], number][]) => () =>
      [...read()].flatMap(({ store, figures }) =>
        of(figures).map(([labels, value]): [string[], number] => [[store, ...labels], value]),
      );
    registry.gauge(
      "berth_slices_held",
      "Slices that this node has of a NodeSlicePool.",
      ["store", "pool"],
      each(({ uses }) => uses.map(({ pool, slices }) => [[pool], slices.length])),
    );
    registry.gauge(
      "berth_slice_addresses",
      "Addresses of this node's slices of a NodeSlicePool, total, used and free.",
      ["store", "pool", "state"],
      each(({ uses }) =>
        uses.flatMap(({ pool, total, used }): [string[], number][] => [
          [[pool, "total"], Number(total)],
          [[pool, "used"], Number(used)],
          [[pool, "free"], Number(total - used)],
        ]),
      ),
    );
    registry.gauge(
      "berth_slices_exhausted",
      "ADDs since the agent's start that found the slices full, and no further one to be cut.",
      ["store", "pool"],
      each(({ exhausted }) => [...exhausted].map(([pool, count]) => [[pool], count])),
    );
    registry.gauge(
      "berth_slice_conflicts",
      "Addresses of this node's slices that others took after they had been given, since the agent's start.",
      ["store"],
      each(({ conflicts }) => [[[], conflicts]]),
    );
    registry.gauge(
      "berth_slice_writes_waiting",
      "Addresses of this node's slices that the API server does not yet know of.",
      ["store"],
      each(({ waiting }) => [[[], waiting]]),
    );
    registry.gauge(
      "berth_slice_write_lag_seconds",
      "How long the oldest of them has waited.",
      ["store"],
      each(({ lag }) => [[[], lag / 1000]]),
    );
  }

  answered(type: string, verb: string, code: number, seconds: number): void {
    const known = VERBS.has(verb) ? verb : "other";
    this.#requests.add([type, known, String(code)]);
    this.#seconds.observe([type, known], seconds);
  }

  committed(changes: number): void {
    this.#batch.observe([], changes);
  }

  rejected(reason: string): void {
    this.#rejected.add([reason]);
  }

  replayed(outcome: "done" | "failed" | "superseded"): void {
    this.#replays.add([outcome]);
  }

  /** For people: how often each verb of each plugin was answered with each code, and within which time. */
  requests(): readonly {
    type: string;
    verb: string;
    code: string;
    count: number;
    p50: number;
    p99: number;
  }[] {
    return this.#requests.entries().map(({ labels: [type = "", verb = "", code = ""], value }) => {
      const quantile = (share: number) => this.#seconds.quantile([type, verb], share) ?? 0;
      return { type, verb, code, count: value, p50: quantile(0.5), p99: quantile(0.99) };
    });
  }
}
