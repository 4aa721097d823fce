import { type Clock, sleep, type Timer } from "../clock.ts";
import type { CallFrame, ReplyFrame } from "../cni/wire.ts";
import type { StoreChoice } from "../config/index.ts";
import { KnownConfigs } from "../ipam/load.ts";
import { logOf, Machine, thisNode } from "../ipam/machine.ts";
import { jsonLog, type Log } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { storesWithSlices } from "../store/kubernetes/slices/journal-file.ts";
import { openStore } from "../store/open.ts";
import type { Store, StoreError } from "../store/store.ts";
import { Calls, type Peer } from "./calls.ts";
import { throughDaemon } from "./dhcp/access.ts";
import type { LeaseBook } from "./dhcp/role.ts";
import type { LeaseService } from "./dhcp/service.ts";
import type { DhcpSettings } from "./dhcp/settings.ts";
import { Failures } from "./failures.ts";
import { History, historyPath, recorded } from "./history.ts";
import { servePages } from "./http.ts";
import type { Journal } from "./journal.ts";
import { openJournal } from "./journal-file.ts";
import { letGoOfCode } from "./libc.ts";
import { logAfterwards } from "./log-afterwards.ts";
import { AgentMetrics } from "./observe.ts";
import type { Settings } from "./options.ts";
import { journalPath } from "./paths.ts";
import { Replay } from "./replay.ts";
import { Server } from "./server.ts";
import { claimEndpoint, type Endpoint, isSocket, listen, release } from "./socket.ts";
import { aboutProcess, journalStatus, type Status, type StoreStatus, storeStatus } from "./status.ts";
import { Stores } from "./stores.ts";
import { Tending } from "./tending.ts";
import { Tidy } from "./tidy.ts";

export type AgentOptions = {
  readonly socket: string;
  /** Folder of the journal. */
  readonly stateDir: string;
  /** The stores of clusters are reached with this pod's own service account. */
  readonly inCluster?: boolean;
  readonly settings: Settings;
  /** Keep DHCP leases in this process; absent: the DHCP daemon is asked. */
  readonly dhcp?: DhcpSettings;
  readonly clock: Clock;
  /** Where log lines go. */
  readonly write: (line: string) => void;
};

/** Connections beyond this are closed at once; each may hold 2 MiB. */
const MAX_CONNECTIONS = 2048;
/** How often the agent looks whether its socket file is still there, in milliseconds. */
const WATCH = 1_000;
/** What is under way at a stop may take this long, in milliseconds. */
const DRAIN = 12_000;
/** Counts of a pool may be this old on the metrics page, in milliseconds. */
const POOLS_AGE = 5_000;

/** By need: sockets, packets and their FFI would cost an agent without this role 1 MiB. */
function dhcpRole(): typeof import("./dhcp/role.ts") {
  return require("./dhcp/role.ts");
}

function openBook(stateDir: string, clock: Clock): Result<LeaseBook, string> {
  const { LeaseBook, leasesPath } = dhcpRole();
  return LeaseBook.open(leasesPath(stateDir), () => clock.now() - clock.elapsed());
}

/** The daemon of a node: it keeps stores open and answers the calls of all plugins on one socket. */
export class Agent {
  readonly #endpoint: Endpoint;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #metrics: AgentMetrics;
  readonly #stores: Stores;
  readonly #log: Log;
  readonly #calls: Calls;
  readonly #server: Server;
  readonly #replay: Replay;
  readonly #tidy: Tidy;
  readonly #leases: LeaseService | undefined;
  readonly #history: History | undefined;
  readonly #failures = new Failures();
  readonly #tending: Tending;
  readonly #stateDir: string;
  readonly #isPod: boolean;
  #watch: Timer;
  #settings: Settings;
  #listener: { stop(force?: boolean): void };
  #pages: ReturnType<typeof servePages>;
  #state: Status["state"] = "serving";
  #pools: { at: number; status: readonly StoreStatus[] } = { at: Number.NEGATIVE_INFINITY, status: [] };

  /** Starts to serve, or says why it cannot. */
  static start(options: AgentOptions, env: NodeJS.ProcessEnv): Result<Agent, string> {
    const endpoint = claimEndpoint(options.socket, env);
    if (!endpoint.ok) return endpoint;
    const path = journalPath(options.stateDir);
    const { clock } = options;
    const book = options.dhcp && openBook(options.stateDir, clock);
    if (book && !book.ok) {
      release(endpoint.value);
      return book;
    }
    try {
      return ok(new Agent(options, endpoint.value, openJournal(path), book?.value));
    } catch (error) {
      release(endpoint.value);
      book?.value.close();
      const why = error instanceof Error ? error.message : String(error);
      return err(`${path} or ${options.socket} cannot be used: ${why}`);
    }
  }

  private constructor(options: AgentOptions, endpoint: Endpoint, journal: Journal, book?: LeaseBook) {
    const { clock, write, dhcp, stateDir } = options;
    const metrics = new AgentMetrics(clock.now());
    this.#clock = clock;
    this.#metrics = metrics;
    this.#endpoint = endpoint;
    this.#journal = journal;
    this.#settings = options.settings;
    this.#stateDir = stateDir;
    this.#log = (level, msg, fields) =>
      jsonLog(write, this.#settings.logLevel, clock.now)(level, msg, fields);
    this.#history = this.#openHistory(stateDir);
    this.#tending = new Tending({ clock, log: this.#log, history: this.#history });
    this.#stores = new Stores({
      clock,
      open: (choice) => this.#openStore(choice),
      committed: (changes) => metrics.committed(changes),
    });
    const { registry } = metrics;
    const isPod = options.inCluster === true;
    this.#isPod = isPod;
    const leases =
      book &&
      dhcp &&
      dhcpRole().serveLeases({ clock, book, settings: dhcp, registry, log: this.#log, isPod });
    this.#leases = leases;
    const known = new KnownConfigs();
    this.#calls = new Calls({
      clock,
      host: (log, store, call, caller) => {
        const here = leases && ({ kind: "here", leases: leases.for(caller) } as const);
        const dhcp = here ?? throughDaemon(call, stateDir);
        return new Machine(log, store, clock, { dhcp, inCluster: isPod, known });
      },
      stores: this.#stores,
      journal,
      metrics,
      failures: this.#failures,
      maxCalls: () => this.#settings.maxCalls,
      logOf: (stdin) => logAfterwards(clock, (now) => logOf(stdin, write, now, this.#settings.logLevel)),
      owed: () => this.#replay.schedule(),
    });
    this.#server = new Server({
      answer: (call, peer) => this.#answer(call, peer),
      rejected: (reason) => metrics.rejected(reason),
      clock,
      maxConnections: MAX_CONNECTIONS,
      log: this.#log,
    });
    this.#replay = new Replay({ calls: this.#calls, journal, metrics, clock, log: this.#log });
    metrics.observe({
      underWay: () => this.#calls.underWay,
      connections: () => this.#server.connections,
      journalDepth: () => journal.depth(),
      pools: () => this.#poolGauges(),
    });
    metrics.observeSlices(() => this.#stores.slices());
    this.#listener = listen(endpoint, this.#server.handler);
    this.#watch = clock.after(WATCH, () => this.#watchSocket());
    this.#pages = this.#servePages();
    this.#replay.schedule();
    this.#tidy = new Tidy(clock, () => {
      Bun.gc(true);
      letGoOfCode();
    });
    this.#openAhead();
    const owed = journal.depth();
    this.#log("verbose", "agent serves", {
      socket: endpoint.path,
      passed: endpoint.passed !== undefined,
      owed,
    });
  }

  /** The address of the metrics, if they are served. */
  get url(): string | undefined {
    return this.#pages?.url;
  }

  /** Takes over settings, and opens stores and their credentials anew when they are needed next. */
  reload(settings: Settings): void {
    const address = JSON.stringify(this.#settings.metrics);
    this.#settings = settings;
    this.#stores.close();
    this.#openAhead();
    if (JSON.stringify(settings.metrics) !== address) {
      this.#pages?.stop();
      this.#pages = this.#servePages();
    }
    this.#log("verbose", "settings loaded", { logLevel: settings.logLevel, maxCalls: settings.maxCalls });
  }

  /** Accepts nothing more, finishes what it has accepted, and closes. Callers go on with `berth cni`. */
  async stop(): Promise<void> {
    this.#state = "draining";
    this.#watch.cancel();
    this.#tidy.stop();
    this.#tending.stop();
    this.#listener.stop(false);
    const over = new AbortController(); // else the timer would keep the process
    const late = sleep(this.#clock, DRAIN, over.signal).then(() => "late");
    const done = Promise.all([this.#server.idle(), this.#replay.stop()]).then(() => "done");
    const outcome = await Promise.race([late, done]);
    over.abort();
    if (outcome === "late")
      this.#log("error", "stopped with calls under way", { calls: this.#calls.underWay });
    this.#pages?.stop();
    this.#leases?.stop();
    this.#server.close();
    await this.#stores.flush();
    this.#stores.close();
    this.#history?.close();
    const owed = this.#journal.depth();
    this.#journal.close();
    release(this.#endpoint);
    this.#log("verbose", "agent stopped", { owed });
  }

  /** Without a history addresses are given all the same. */
  #openHistory(stateDir: string): History | undefined {
    try {
      return History.open(historyPath(stateDir), this.#clock, this.#log);
    } catch (error) {
      this.#log("error", "no history is kept", { path: historyPath(stateDir), why: String(error) });
      return undefined;
    }
  }

  /**
   * Opens what will be needed before the first call does: the cluster that this pod runs in, and stores of which an earlier process
   * of this node had slices, so that what it answered is written.
   */
  #openAhead(): void {
    const own: readonly StoreChoice[] = this.#isPod ? [{ kind: "kubernetes", kubeconfig: "" }] : [];
    // A choice that is met twice is one store.
    for (const choice of [...own, ...storesWithSlices(this.#stateDir)]) {
      const opened = this.#stores.warm(choice);
      if (!opened.ok) this.#log("error", opened.error.message, { hint: opened.error.hint });
    }
  }

  #openStore(choice: StoreChoice): Result<Store, StoreError> {
    const slices = { stateDir: this.#stateDir, writeDelay: this.#settings.sliceWriteDelay };
    const opened = openStore(choice, {
      patience: 0,
      staying: true,
      clock: this.#clock,
      log: this.#log,
      slices,
      node: thisNode(),
    });
    if (!opened.ok) return opened;
    // In a cluster reservations are the reconciler's to end.
    this.#tending.add(opened.value, choice.kind === "sqlite");
    return this.#history ? ok(recorded(opened.value, this.#history)) : opened;
  }

  async #answer(call: CallFrame, peer: Peer): Promise<ReplyFrame> {
    if (call.plugin === "leases") return this.#answerLeases();
    if (call.plugin !== "status") {
      this.#tidy.called();
      return this.#calls.answer(call, peer);
    }
    return { exit: 0, stdout: `${JSON.stringify(await this.#status())}\n`, stderr: "" };
  }

  #answerLeases(): ReplyFrame {
    if (!this.#leases) return { exit: 1, stdout: "", stderr: "this daemon keeps no DHCP leases" };
    return { exit: 0, stdout: `${JSON.stringify(this.#leases.rows())}\n`, stderr: "" };
  }

  async #status(): Promise<Status> {
    return {
      ...aboutProcess(this.#metrics),
      state: this.#state,
      socket: this.#endpoint.path,
      metrics: this.#pages?.url ?? null,
      underWay: this.#calls.underWay,
      requests: this.#metrics.requests(),
      stores: await storeStatus(this.#stores),
      journal: journalStatus(this.#journal),
      failures: this.#failures.list,
    };
  }

  #servePages(): ReturnType<typeof servePages> {
    if (!this.#settings.metrics) return undefined;
    return servePages(
      this.#settings.metrics,
      { metrics: () => this.#renderMetrics(), ready: () => this.#ready() },
      this.#log,
    );
  }

  async #renderMetrics(): Promise<string> {
    const now = this.#clock.elapsed();
    if (now - this.#pools.at > POOLS_AGE) {
      this.#pools = { at: now, status: await storeStatus(this.#stores) };
    }
    return this.#metrics.registry.render();
  }

  *#poolGauges() {
    for (const { store, pools } of this.#pools.status) {
      for (const { network, range, total, used } of pools) {
        yield [store, network, range, Number(total), Number(used)] as const;
      }
    }
  }

  async #ready(): Promise<readonly string[]> {
    if (this.#state === "draining") return ["the agent is stopping"];
    const stores = await storeStatus(this.#stores);
    return stores.flatMap(({ store, error }) => (error === undefined ? [] : [`${store}: ${error}`]));
  }

  #watchSocket(): void {
    this.#restoreSocket();
    this.#watch = this.#clock.after(WATCH, () => this.#watchSocket());
  }

  /** Someone may remove the file, or its whole folder; callers would not find the agent any more. */
  #restoreSocket(): void {
    if (isSocket(this.#endpoint.path)) return;
    try {
      const old = this.#listener;
      this.#listener = listen(this.#endpoint, this.#server.handler);
      old.stop(false);
      this.#log("error", "the socket file was gone and is made again", { socket: this.#endpoint.path });
    } catch (error) {
      this.#log("error", "the socket file is gone and cannot be made", { why: String(error) });
    }
  }
}
