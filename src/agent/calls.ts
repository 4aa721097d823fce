import { type Clock, sleep } from "../clock.ts";
import { parseCniArgs } from "../cni/args.ts";
import { CniCode, cniError, renderError } from "../cni/error.ts";
import type { CallFrame } from "../cni/wire.ts";
import type { Host } from "../ipam/host.ts";
import { invoke, PLUGINS, type Reply, refusePlugin } from "../ipam/invoke.ts";
import { netnsId, PATIENCE } from "../ipam/machine.ts";
import type { Log, LogLevel } from "../log.ts";
import type { Store } from "../store/store.ts";
import { Turns } from "../turns.ts";
import type { Caller } from "./batching.ts";
import type { Failures } from "./failures.ts";
import type { Journal, Pending } from "./journal.ts";
import type { AgentMetrics } from "./observe.ts";
import type { Stores } from "./stores.ts";

/** Who sent a call. */
export type Peer = {
  /** Process id as this agent sees it; 0 if the peer lives in a foreign pid namespace. */
  readonly pid: number;
  gone(): boolean;
};

export type CallsOptions = {
  readonly clock: Clock;
  /** The machine as one call sees it. */
  readonly host: (log: Log, store: Host["store"], call: CallFrame, caller: Caller) => Host;
  readonly stores: Stores;
  readonly journal: Journal;
  readonly metrics: AgentMetrics;
  readonly failures: Failures;
  readonly maxCalls: () => number;
  /** The log that a configuration asks for. */
  readonly logOf: (stdin: string) => Log;
  /** Told when the journal has a new entry. */
  readonly owed: () => void;
};

/**
 * Milliseconds that a runtime waits for a DEL which the journal can take over. It takes a pod down one interface after the other,
 * and must not wait for a store that is away at each of them.
 */
const DEL_PATIENCE = 3_000;

/** Answers the calls of plugins, whoever sent them: many at a time, and one after the other for each attachment. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #turns = new Turns();
  #underWay = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Never throws; a call that finds the agent too busy is told to come again later. */
  async answer(call: CallFrame, peer: Peer): Promise<Reply> {
    const { metrics, clock, failures } = this.#options;
    const maxCalls = this.#options.maxCalls();
    const plugin = PLUGINS.find((known) => known === call.plugin);
    if (plugin === undefined) return refusePlugin(call.plugin);
    const started = clock.elapsed();
    const reply = this.#underWay >= maxCalls ? busy(maxCalls) : await this.#counted(call, peer);
    metrics.answered(plugin, call.env.CNI_COMMAND ?? "", reply.code, (clock.elapsed() - started) / 1000);
    if (reply.exit !== 0) failures.note(call, reply, clock.now());
    return reply;
  }

  /** Does what the journal owes and strikes it out; undefined if an ADD has struck it out meanwhile. */
  async redo({ id, call }: Pending): Promise<Reply | undefined> {
    const nobody: Peer = { pid: 0, gone: () => false };
    return this.#turns.take(keyOf(call), async () => {
      if (!this.#options.journal.has(id)) return undefined;
      const reply = await this.#run(call, nobody, PATIENCE);
      if (reply.exit === 0) this.#options.journal.remove(id);
      return reply;
    });
  }

  async #counted(call: CallFrame, peer: Peer): Promise<Reply> {
    this.#underWay++;
    const verb = call.env.CNI_COMMAND ?? "";
    const attached = ["ADD", "DEL", "CHECK"].includes(verb);
    const work = attached
      ? this.#turns.take(keyOf(call), () => this.#inTurn(call, peer))
      : this.#run(call, peer, this.#patience(call));
    const counted = work.finally(() => this.#underWay--);
    return verb === "DEL" ? this.#orOwed(call, peer, counted) : counted;
  }

  /** What becomes of a DEL; if that takes long it is owed, and goes on. */
  async #orOwed(call: CallFrame, peer: Peer, work: Promise<Reply>): Promise<Reply> {
    const ended = new AbortController();
    const late = sleep(this.#options.clock, DEL_PATIENCE, ended.signal).then(() => undefined);
    const reply = await Promise.race([work, late]);
    ended.abort();
    if (reply !== undefined || peer.gone()) return reply ?? work;
    return this.#owe(call, `not done within ${DEL_PATIENCE / 1000} s`) ?? work;
  }

  /** In milliseconds. */
  #patience({ plugin, timeout }: CallFrame): number {
    // A DHCP server may take its time.
    return plugin === "dhcp" ? timeout : Math.min(PATIENCE, timeout);
  }

  async #inTurn(call: CallFrame, peer: Peer): Promise<Reply> {
    const verb = call.env.CNI_COMMAND;
    const patience = this.#patience(call);
    if (verb === "ADD") return this.#add(call, peer, patience);
    const reply = await this.#run(call, peer, patience);
    if (verb !== "DEL") return reply;
    if (reply.code === CniCode.tryAgainLater && !peer.gone())
      return this.#owe(call, messageOf(reply)) ?? reply;
    if (reply.exit === 0) this.#forget(call);
    return reply;
  }

  /**
   * A DEL that is still owed for this attachment must not free what the ADD takes now. It is struck out before the
   * ADD writes: dying in between leaves an address that the reconciler finds, and never one with two owners.
   */
  async #add(call: CallFrame, peer: Peer, patience: number): Promise<Reply> {
    const { journal, clock } = this.#options;
    try {
      const owed = journal.of(call);
      for (const { id } of owed) journal.remove(id);
      const reply = await this.#run(call, peer, patience);
      if (reply.exit !== 0) for (const { call: del, error } of owed) journal.add(del, error, clock.now());
      return reply;
    } catch (error) {
      return journalFailure(error);
    }
  }

  /** Success, since the journal has the DEL by now; undefined if it cannot take it. */
  #owe(call: CallFrame, why: string): Reply | undefined {
    const { journal, clock, owed } = this.#options;
    try {
      journal.add(call, why, clock.now());
      owed();
    } catch (error) {
      this.#log("error", "the journal cannot take a DEL", call, { error: String(error) });
      return undefined;
    }
    this.#log("error", "the store is away: DEL is written down and will be done later", call, { error: why });
    return { stdout: "", stderr: "", exit: 0, code: 0 };
  }

  #forget(call: CallFrame): void {
    try {
      for (const { id } of this.#options.journal.of(call)) this.#options.journal.remove(id);
    } catch (error) {
      // Harmless: the DEL is done, and doing it once more changes nothing.
      this.#log("error", "the journal cannot be read", call, { error: String(error) });
    }
  }

  async #run(call: CallFrame, peer: Peer, patience: number): Promise<Reply> {
    const { stores, clock } = this.#options;
    const caller = { deadline: clock.elapsed() + patience, gone: peer.gone };
    let used: Store | undefined; // a call names one store
    const store: Host["store"] = (choice) => {
      const opened = stores.get(choice, caller);
      if (opened.ok) used = opened.value;
      return opened;
    };
    const host = this.#options.host(this.#options.logOf(call.stdin), store, call, caller);
    const plugin = PLUGINS.find((known) => known === call.plugin);
    if (plugin === undefined) return refusePlugin(call.plugin);
    const callerNetns = () => (peer.pid > 0 ? netnsId(`/proc/${peer.pid}/ns/net`) : undefined);
    const reply = await invoke({ plugin, env: call.env, stdin: call.stdin, callerNetns }, host);
    if (reply.exit !== 0 && call.env.CNI_COMMAND === "ADD") tellPod(call, reply, used);
    return reply;
  }

  #log(severity: LogLevel, msg: string, call: CallFrame, more: { error?: string }): void {
    const { env, plugin } = call;
    const log = this.#options.logOf(call.stdin);
    const sandbox = env.CNI_CONTAINERID;
    log(severity, msg, { plugin, verb: env.CNI_COMMAND, sandbox, ifname: env.CNI_IFNAME, ...more });
  }
}

function keyOf({ env }: CallFrame): string {
  return `${env.CNI_CONTAINERID}/${env.CNI_IFNAME}`;
}

/** A pod that does not start shows the reason where people look first. */
function tellPod({ env }: CallFrame, reply: Reply, store: Store | undefined): void {
  const args = parseCniArgs(env.CNI_ARGS ?? "", ["K8S_POD_NAME", "K8S_POD_NAMESPACE", "K8S_POD_UID"]);
  if (!args.ok || store?.tellPod === undefined) return;
  const { K8S_POD_NAME: name = "", K8S_POD_NAMESPACE: namespace = "", K8S_POD_UID: uid } = args.value;
  const why = `no address for ${env.CNI_IFNAME}: ${messageOf(reply)} (code ${reply.code})`;
  store.tellPod({ namespace, name, ...(uid && { uid }) }, why);
}

function busy(maxCalls: number): Reply {
  const details = "the runtime tries again; berth status shows what the agent does";
  const error = cniError(CniCode.tryAgainLater, `the agent has ${maxCalls} calls under way`, details);
  return { stdout: renderError(error), stderr: "", exit: 1, code: error.code };
}

function journalFailure(error: unknown): Reply {
  const why = error instanceof Error ? error.message : String(error);
  const details =
    "an earlier DEL of this interface may be written there; make room on the disk of the journal";
  const failure = cniError(CniCode.tryAgainLater, `the journal of the agent cannot be used: ${why}`, details);
  return { stdout: renderError(failure), stderr: "", exit: 1, code: failure.code };
}

/** What an error on standard output says. */
export function messageOf({ stdout }: Reply): string {
  const error: { msg?: unknown } = JSON.parse(stdout);
  return String(error.msg);
}
