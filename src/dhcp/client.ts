import { type Address, sameAddress } from "../ip/address.ts";
import type { Lease } from "./lease.ts";
import {
  type Attempt,
  after,
  type Event,
  type Moment,
  type PhaseName,
  type Random,
  type State,
  type Step,
  unchanged,
} from "./machine.ts";

/** What is common to the phases of both clients. */
type PhaseShape = { readonly name: PhaseName; readonly lease?: Lease; readonly attempt?: Attempt };

/** The ways of DHCPv4 or DHCPv6: each says what is sent and when the client wakes next. */
export type Ways<Config, Phase, Message, Sent> = {
  /** Asks all servers. */
  readonly select: (config: Config, attempt: Attempt, at: Moment) => Step<State<Config, Phase>, Sent>;
  readonly newAttempt: (config: Config, now: number, wish?: Address) => Attempt;
  readonly bind: (config: Config, lease: Lease, at: Moment) => Step<State<Config, Phase>, Sent>;
  /** Tells the server that another host has the address. */
  readonly refuse: (
    config: Config,
    lease: Lease,
    attempt: Attempt,
    at: Moment,
  ) => Step<State<Config, Phase>, Sent>;
  /** Has a lease confirmed. */
  readonly reboot: (config: Config, lease: Lease, at: Moment) => Step<State<Config, Phase>, Sent>;
  /** What the time of a lease says is to be done. */
  readonly keep: (config: Config, lease: Lease, at: Moment) => Step<State<Config, Phase>, Sent>;
  /** Asks for more time, whatever T1 says. */
  readonly renew: (config: Config, lease: Lease, at: Moment) => Step<State<Config, Phase>, Sent>;
  readonly release: (state: State<Config, Phase>, at: Moment) => Step<State<Config, Phase>, Sent>;
  /** `wakeAt` has come. */
  readonly wake: (state: State<Config, Phase>, at: Moment) => Step<State<Config, Phase>, Sent>;
  readonly receive: (
    state: State<Config, Phase>,
    message: Message,
    from: Address,
    at: Moment,
  ) => Step<State<Config, Phase>, Sent>;
};

/** The states in which the interface carries the lease. */
const HOLDING: readonly PhaseName[] = ["bound", "renewing", "rebinding", "rebooting"];

/** What events do to a client, given its ways. */
export function stepOf<Config, Phase extends PhaseShape, Message, Sent>(
  ways: Ways<Config, Phase, Message, Sent>,
) {
  type Client = State<Config, Phase>;
  type Taken = Step<Client, Sent>;

  return (state: Client, event: Event<Message>, now: number, random: Random): Taken => {
    const at: Moment = { now, random };
    const { config, phase } = state;
    switch (event.kind) {
      case "start":
        return ways.select(config, ways.newAttempt(config, now, phase.lease?.address.address), at);
      case "reboot":
        return ways.reboot(config, event.lease, at);
      case "packet":
        return ways.receive(state, event.message, event.from, at);
      case "timer":
        return state.wakeAt !== undefined && now >= state.wakeAt ? ways.wake(state, at) : unchanged(state);
      case "probed":
        return onProbed(state, event.address, event.conflict, at);
      case "conflict":
        return onConflict(state, event.address, at);
      case "linkUp":
        return onLinkUp(state, at);
      case "renew":
        return onRenew(state, at);
      case "release":
        return ways.release(state, at);
    }
  };

  function onProbed(state: Client, address: Address, conflict: boolean, at: Moment): Taken {
    const { config, phase } = state;
    const { name, lease, attempt } = phase;
    if (name !== "checking" || !lease || !attempt) return unchanged(state);
    if (!sameAddress(lease.address.address, address)) return unchanged(state);
    return conflict ? ways.refuse(config, lease, attempt, at) : ways.bind(config, lease, at);
  }

  function onConflict(state: Client, address: Address, at: Moment): Taken {
    const lease = heldBy(state);
    if (lease === undefined || !sameAddress(lease.address.address, address)) return unchanged(state);
    const refused = ways.refuse(state.config, lease, { since: at.now, restarts: 0 }, at);
    return after([{ kind: "lost", lease, reason: "conflict" }], refused);
  }

  /** The network may be another one: have the lease confirmed, or ask at once. */
  function onLinkUp(state: Client, at: Moment): Taken {
    const { config, phase } = state;
    const lease = heldBy(state);
    if (lease !== undefined) return ways.reboot(config, lease, at);
    const { name, attempt } = phase;
    return name === "selecting" && attempt ? ways.select(config, attempt, at) : unchanged(state);
  }

  function onRenew(state: Client, at: Moment): Taken {
    const lease = heldBy(state);
    if (lease === undefined || state.phase.name === "rebooting") return unchanged(state);
    const { renewAt = Number.POSITIVE_INFINITY } = lease.times;
    return at.now >= renewAt ? ways.keep(state.config, lease, at) : ways.renew(state.config, lease, at);
  }

  /** The lease that the interface carries. */
  function heldBy({ phase }: Client): Lease | undefined {
    return HOLDING.includes(phase.name) ? phase.lease : undefined;
  }
}

/** The state of a client that holds a lease from before and sleeps until T1. */
export function holding<Config>(config: Config, lease: Lease) {
  const { renewAt } = lease.times;
  const phase = { name: "bound", lease } as const;
  return { config, phase, ...(renewAt !== undefined && { wakeAt: renewAt }) };
}
