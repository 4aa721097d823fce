import { alarm, type Clock, type Timer } from "../../clock.ts";
import type { Lease } from "../../dhcp/lease.ts";
import type { Effect, Event, Failure, PhaseName } from "../../dhcp/machine.ts";
import type { Log } from "../../log.ts";
import type { NetnsError } from "../../netns/error.ts";
import { err, ok, type Result } from "../../result.ts";
import type { Port } from "./port.ts";
import type { ClientState, Protocol } from "./protocol.ts";

/** Told what becomes of the lease. */
export type LeaseEvents = {
  /** The next message has a server give this away: whether it is written down, without which nothing is sent. */
  readonly intend: (lease: Lease) => Promise<boolean>;
  readonly bound: (lease: Lease) => void;
  readonly renewed: (lease: Lease, previous: Lease) => void;
  readonly changed: (lease: Lease, previous: Lease) => void;
  readonly lost: (lease: Lease, reason: "nak" | "expired" | "conflict") => void;
  /** Reached no server within a while, after the lease was lost; more tries follow. */
  readonly resting: () => void;
  readonly failed: (failure: Failure) => void;
  /** The lease is held and nothing is under way: a client that is opened anew and told to hold it goes on alike. */
  readonly quiet: () => void;
  /** The interface or its namespace is not there any more; nothing more is tried. */
  readonly gone: (error: NetnsError) => void;
};

export type DriverOptions<State extends ClientState, Message, Sent> = {
  readonly protocol: Protocol<State, Message, Sent>;
  readonly port: Port<State, Message, Sent>;
  readonly clock: Clock;
  readonly events: LeaseEvents;
  readonly log: Log;
};

/** After an expired lease the interface stays down for so long before the first try to get another; milliseconds. */
const REST = 5_000;
/** For each of those tries it is up for so long. */
const LISTEN = 4_000;

/** How long a server may take to confirm a release (DHCPv6 does). */
const RELEASE_PATIENCE = 2_000;

const QUIET: readonly PhaseName[] = ["idle", "waiting", "bound"];

/** Runs one pure client of src/dhcp: carries out its effects, wakes it, and has sockets open only while it talks. */
export class Driver<State extends ClientState, Message, Sent extends { readonly kind: "send" }> {
  readonly #options: DriverOptions<State, Message, Sent>;
  #state: State;
  #timer: Timer | undefined;
  /** After an expired lease: when it may be tried to get another. */
  #restUntil: number | undefined;
  #listening: Timer | undefined;
  #stopped = false;
  #gone: NetnsError | undefined;
  /** While an intent is being written nothing is sent. */
  #isWriting = false;
  #released: ((result: Result<void, NetnsError>) => void) | undefined;

  constructor(options: DriverOptions<State, Message, Sent>) {
    this.#options = options;
    this.#state = options.protocol.idle;
  }

  get phase(): PhaseName {
    return this.#state.phase.name;
  }

  dispatch(event: Event<Message>): void {
    if (this.#stopped) return;
    const { clock, protocol, port, events } = this.#options;
    const { state, effects } = protocol.step(this.#state, event, clock.elapsed(), clock.random);
    if (event.kind === "packet" && state.phase.name !== this.#state.phase.name) port.trust();
    this.#state = state;
    this.#carryOutAll(effects);
    if (this.#stopped) return;
    if (QUIET.includes(this.#state.phase.name)) port.close();
    this.#schedule();
    if (this.#state.phase.name === "bound") events.quiet();
  }

  /** Goes on from a state of before. */
  resume(state: State): void {
    this.#gone = undefined;
    this.#stopped = false;
    this.#state = state;
    this.#schedule();
  }

  /** Gives the lease back and ends; an error if the interface is gone. A server that does not confirm is not waited for. */
  async release(): Promise<Result<void, NetnsError>> {
    if (this.#gone) return err(this.#gone);
    const { promise, resolve } = Promise.withResolvers<Result<void, NetnsError>>();
    this.#released = resolve;
    this.#restUntil = undefined;
    this.dispatch({ kind: "release" });
    const patience = this.#options.clock.after(RELEASE_PATIENCE, () => resolve(ok(undefined)));
    const result = await promise;
    patience.cancel();
    this.stop();
    return result;
  }

  /** Ends without a word to the server. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#listening?.cancel();
    this.#options.port.close();
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { wakeAt } = this.#state;
    if (this.#stopped || wakeAt === undefined) return;
    this.#timer = alarm(this.#options.clock, wakeAt, () => this.dispatch({ kind: "timer" }));
  }

  #carryOutAll(effects: readonly Effect<Sent>[]): void {
    for (const [index, effect] of effects.entries()) {
      if (this.#stopped) return;
      if (effect.kind === "intend") {
        void this.#intend(effect.lease, effects.slice(index + 1));
        return;
      }
      this.#carryOut(effect);
    }
  }

  /** Has it written down, and only then does what follows, unless the client has gone on meanwhile. */
  async #intend(lease: Lease, following: readonly Effect<Sent>[]): Promise<void> {
    const before = this.#state;
    this.#isWriting = true;
    const written = await this.#options.events.intend(lease);
    this.#isWriting = false;
    if (written && this.#state === before) this.#carryOutAll(following);
  }

  #carryOut(effect: Effect<Sent>): void {
    const { events, log, port } = this.#options;
    switch (effect.kind) {
      case "send":
        this.#send(effect);
        return;
      case "probe":
        port.probe(effect.address, (conflict) =>
          this.dispatch({ kind: "probed", address: effect.address, conflict }),
        );
        return;
      case "bound":
        this.#restUntil = undefined;
        this.#listening?.cancel();
        events.bound(effect.lease);
        return;
      case "renewed":
      case "changed":
        events[effect.kind](effect.lease, effect.previous);
        return;
      case "intend": // see #carryOutAll
      case "kept":
        return;
      case "lost":
        if (effect.reason === "expired") this.#restUntil = this.#options.clock.elapsed() + REST;
        events.lost(effect.lease, effect.reason);
        return;
      case "failed":
        events.failed(effect.failure);
        return;
      case "released":
        this.#released?.(ok(undefined));
        return;
      case "log":
        log(effect.level, effect.msg, effect.fields);
    }
  }

  #send(sent: Sent): void {
    const { port, clock, events, log } = this.#options;
    if (this.#isWriting) return; // it will be sent again
    if (this.#restUntil !== undefined && clock.elapsed() < this.#restUntil) return;
    const result = port.send(sent);
    if (!result.ok && result.error.code !== "refused") {
      this.stop();
      this.#gone = result.error;
      if (this.#released) this.#released(result);
      else events.gone(result.error);
      return;
    }
    if (!result.ok) log("error", "a message could not be sent", { why: result.error.message });
    if (this.#restUntil === undefined) return;
    this.#listening?.cancel();
    this.#listening = clock.after(LISTEN, () => {
      port.close();
      events.resting();
    });
  }
}
