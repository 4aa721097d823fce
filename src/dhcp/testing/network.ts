import { type Address, formatAddress } from "../../ip/address.ts";
import type { Lease } from "../lease.ts";
import type { Effect, Event, Random, Step } from "../machine.ts";

/** A network of clients and servers in virtual time, which loses, doubles and reorders packets. For tests. */

export type Weather = {
  /** The share of packets that are lost, and of those that come twice. */
  readonly loss: number;
  readonly twice: number;
  /** How long a packet is under way at most, in milliseconds. */
  readonly delay: number;
};

export type Sent<Message> = { readonly kind: "send"; readonly message: Message; readonly from?: Address };

/** A server as far as packets show it. */
export interface ModelServer<Message> {
  readonly address: Address;
  isUp: boolean;
  /** What it answers; `from` is the source of the packet, where the protocol tells. */
  handle(message: Message, from: Address | undefined, now: number): readonly Message[];
  /** How many addresses it believes to be leased. */
  held(now: number): number;
}

type Machine<State, Message, S extends Sent<Message>> = (
  state: State,
  event: Event<Message>,
  now: number,
  random: Random,
) => Step<State, S>;

type Host<State> = {
  readonly name: string;
  state: State;
  /** What the interface carries. */
  carried?: Lease;
  readonly history: string[];
  startedAt: number;
  /** When the acquisition ended, well or not. */
  endedAt?: number;
};

type Due = { readonly at: number; readonly order: number; readonly run: () => void };

export class Network<State extends { readonly wakeAt?: number }, Message, S extends Sent<Message>> {
  now = 0;
  readonly hosts: Host<State>[] = [];
  /** Addresses that strangers use. */
  readonly squatters = new Set<string>();
  readonly #step: Machine<State, Message, S>;
  readonly #random: Random;
  readonly #queue: Due[] = [];
  #order = 0;

  constructor(
    step: Machine<State, Message, S>,
    readonly servers: readonly ModelServer<Message>[],
    public weather: Weather,
    random: Random,
  ) {
    this.#step = step;
    this.#random = random;
  }

  add(name: string, state: State): Host<State> {
    const host: Host<State> = { name, state, history: [], startedAt: this.now };
    this.hosts.push(host);
    return host;
  }

  tell(host: Host<State>, event: Event<Message>): void {
    if (event.kind === "start") host.startedAt = this.now;
    const before = host.state.wakeAt;
    const { state, effects } = this.#step(host.state, event, this.now, this.#random);
    host.state = state;
    for (const effect of effects) this.#carryOut(host, effect);
    const { wakeAt } = host.state;
    if (wakeAt === undefined || (wakeAt === before && event.kind !== "timer")) return;
    const wake = () => {
      if (host.state.wakeAt === wakeAt) this.tell(host, { kind: "timer" });
    };
    this.#later(wakeAt - this.now, wake);
  }

  /** Runs until so many milliseconds have passed, checking after every event that no address has two owners. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [due] = this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
      if (due === undefined || due.at > end) break;
      this.#queue.shift();
      this.now = Math.max(this.now, due.at);
      due.run();
      this.#checkOwners();
    }
    this.now = end;
  }

  #carryOut(host: Host<State>, effect: Effect<S>): void {
    if (effect.kind !== "log") host.history.push(effect.kind);
    switch (effect.kind) {
      case "send":
        this.#send(host, effect);
        return;
      case "probe": {
        const conflict = this.#isUsed(effect.address, host);
        const { address } = effect;
        this.#later(100, () => this.tell(host, { kind: "probed", address, conflict }));
        return;
      }
      case "bound":
      case "renewed":
      case "changed":
      case "kept":
        host.carried = effect.lease;
        host.endedAt ??= this.now;
        return;
      case "failed":
        host.endedAt ??= this.now;
        delete host.carried;
        return;
      case "lost":
      case "released":
        delete host.carried;
        return;
      case "intend":
      case "log":
        return;
    }
  }

  #send(host: Host<State>, { message, from }: S): void {
    for (const server of this.servers) {
      this.#deliver(() => {
        if (!server.isUp) return;
        for (const reply of server.handle(message, from, this.now)) {
          this.#deliver(() => this.tell(host, { kind: "packet", message: reply, from: server.address }));
        }
      });
    }
  }

  #deliver(run: () => void): void {
    if (this.#random() < this.weather.loss) return;
    this.#later(this.#random() * this.weather.delay, run);
    if (this.#random() < this.weather.twice) this.#later(this.#random() * this.weather.delay, run);
  }

  #later(ms: number, run: () => void): void {
    this.#queue.push({ at: this.now + Math.max(0, ms), order: this.#order++, run });
  }

  #isUsed(address: Address, asker: Host<State>): boolean {
    const text = formatAddress(address);
    return this.squatters.has(text) || this.hosts.some((host) => host !== asker && carries(host, text));
  }

  #checkOwners(): void {
    const owners = new Map<string, string>();
    for (const host of this.hosts) {
      if (host.carried === undefined) continue;
      const address = formatAddress(host.carried.address.address);
      const other = owners.get(address);
      if (other !== undefined) throw new Error(`${address} at ${this.now} ms: ${other} and ${host.name}`);
      if (this.squatters.has(address)) throw new Error(`${address} of ${host.name} is a stranger's`);
      owners.set(address, host.name);
    }
  }
}

function carries<State>(host: Host<State>, address: string): boolean {
  return host.carried !== undefined && formatAddress(host.carried.address.address) === address;
}
