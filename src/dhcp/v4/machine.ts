import { formatAddress } from "../../ip/address.ts";
import { holding, stepOf } from "../client.ts";
import type { Lease } from "../lease.ts";
import { after, type Failure, into, log, type Moment, unchanged } from "../machine.ts";
import {
  ask,
  bind,
  fail,
  keep,
  MOST_REQUESTS,
  newAttempt,
  newExchange,
  nextOffer,
  reboot,
  rebootAgain,
  refuse,
  request,
  select,
  selectAgain,
} from "./enter.ts";
import type { Message } from "./message.ts";
import { receive } from "./receive.ts";
import { release } from "./requests.ts";
import type { ClientConfig, ClientState, ClientStep, Phase, Send } from "./state.ts";

/** After so many DISCOVERs with nothing but unusable offers it is the network's configuration that is wrong. */
const PATIENCE_WITH_OFFERS = 3;

/** A client that does nothing yet. */
export function newClient(config: ClientConfig): ClientState {
  return { config, phase: { name: "idle" } };
}

/** A client that holds a lease from before. */
export function boundClient(config: ClientConfig, lease: Lease): ClientState {
  return holding(config, lease);
}

/** The DHCPv4 client (RFC 2131 section 4.4): see `Step`. */
export const step = stepOf<ClientConfig, Phase, Message, Send>({
  select,
  newAttempt,
  bind,
  refuse,
  reboot,
  keep,
  renew: (config, lease, at) => ask(config, lease, "renewing", at),
  release: onRelease,
  wake: onTimer,
  receive,
});

function onTimer(state: ClientState, at: Moment): ClientStep {
  const { config, phase } = state;
  if ("attempt" in phase && phase.name !== "checking") {
    const { deadline, failure } = phase.attempt;
    if (deadline !== undefined && at.now >= deadline) return fail(config, phase.attempt, at);
    const hopeless = failure?.code === "unacceptable" && deadline !== undefined;
    if (phase.name === "selecting" && hopeless && phase.exchange.sent >= PATIENCE_WITH_OFFERS) {
      return fail(config, phase.attempt, at);
    }
  }
  switch (phase.name) {
    case "idle":
      return unchanged(state);
    case "waiting":
      return select(config, phase.attempt, at);
    case "selecting":
      return selectAgain(config, phase.attempt, phase.exchange, at);
    case "requesting": {
      const { attempt, exchange, offer, others } = phase;
      if (exchange.sent < MOST_REQUESTS) return request(config, attempt, exchange, offer, others, at);
      const server = formatAddress(offer.server);
      const failure: Failure = {
        code: "no_answer",
        hint: `the DHCP server ${server} offered ${formatAddress(offer.address)} and then fell silent`,
      };
      return nextOffer(config, phase, failure, at);
    }
    case "checking": {
      const address = formatAddress(phase.lease.address.address);
      return after([log("probe without result", { address })], bind(config, phase.lease, at));
    }
    case "bound":
    case "renewing":
    case "rebinding":
      return keep(config, phase.lease, at);
    case "rebooting":
      return rebootAgain(config, phase.lease, phase.exchange, at);
  }
}

function onRelease(state: ClientState, at: Moment): ClientStep {
  const { config, phase } = state;
  const lease = leaseOf(state);
  const idle: ClientStep = into(config, { name: "idle" }, at);
  if (lease === undefined) return after([{ kind: "released" }], idle);
  const isBound = phase.name !== "checking";
  const sent = release(config, newExchange(at, at.now), at.now, lease, isBound);
  return after([sent, { kind: "released", lease }], idle);
}

/** The lease that a server has given to us, whether the interface carries it yet or not. */
function leaseOf({ phase }: ClientState): Lease | undefined {
  return "lease" in phase ? phase.lease : undefined;
}
