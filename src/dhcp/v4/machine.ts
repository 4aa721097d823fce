import { formatAddress, sameAddress } from "../../ip/address.ts";
import type { Lease } from "../lease.ts";
import { after, type Failure, into, log, type Moment, type Random, unchanged } from "../machine.ts";
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
import { receive } from "./receive.ts";
import { release } from "./requests.ts";
import type { ClientConfig, ClientEvent, ClientState, ClientStep } from "./state.ts";

/** After so many DISCOVERs with nothing but unusable offers it is the network's configuration that is wrong. */
const PATIENCE_WITH_OFFERS = 3;

/** A client that does nothing yet. */
export function newClient(config: ClientConfig): ClientState {
  return { config, phase: { name: "idle" } };
}

/** A client that holds a lease from before. */
export function boundClient(config: ClientConfig, lease: Lease): ClientState {
  const { renewAt } = lease.times;
  return { config, phase: { name: "bound", lease }, ...(renewAt !== undefined && { wakeAt: renewAt }) };
}

/** The DHCPv4 client (RFC 2131 section 4.4): see `Step`. */
export function step(state: ClientState, event: ClientEvent, now: number, random: Random): ClientStep {
  const at: Moment = { now, random };
  const { config } = state;
  switch (event.kind) {
    case "start":
      return select(config, newAttempt(config, now, leaseOf(state)?.address.address), at);
    case "reboot":
      return reboot(config, event.lease, at);
    case "packet":
      return receive(state, event.message, event.from, at);
    case "timer":
      return state.wakeAt !== undefined && now >= state.wakeAt ? onTimer(state, at) : unchanged(state);
    case "probed":
      return onProbed(state, event.address, event.conflict, at);
    case "conflict":
      return onConflict(state, event.address, at);
    case "linkUp":
      return onLinkUp(state, at);
    case "renew":
      return onRenew(state, at);
    case "release":
      return onRelease(state, at);
  }
}

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

function onProbed(state: ClientState, address: Lease["server"], conflict: boolean, at: Moment): ClientStep {
  const { config, phase } = state;
  if (phase.name !== "checking" || !sameAddress(phase.lease.address.address, address))
    return unchanged(state);
  return conflict ? refuse(config, phase.lease, phase.attempt, at) : bind(config, phase.lease, at);
}

function onConflict(state: ClientState, address: Lease["server"], at: Moment): ClientStep {
  const lease = heldBy(state);
  if (lease === undefined || !sameAddress(lease.address.address, address)) return unchanged(state);
  const attempt = { since: at.now, restarts: 0 };
  return after([{ kind: "lost", lease, reason: "conflict" }], refuse(state.config, lease, attempt, at));
}

/** The network may be another one: have the lease confirmed, or ask at once. */
function onLinkUp(state: ClientState, at: Moment): ClientStep {
  const { config, phase } = state;
  const lease = heldBy(state);
  if (lease !== undefined) return reboot(config, lease, at);
  return phase.name === "selecting" ? select(config, phase.attempt, at) : unchanged(state);
}

function onRenew(state: ClientState, at: Moment): ClientStep {
  const lease = heldBy(state);
  if (lease === undefined || state.phase.name === "rebooting") return unchanged(state);
  const { renewAt = Number.POSITIVE_INFINITY } = lease.times;
  return at.now >= renewAt ? keep(state.config, lease, at) : ask(state.config, lease, "renewing", at);
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

/** The lease that the interface carries. */
function heldBy(state: ClientState): Lease | undefined {
  return state.phase.name === "checking" ? undefined : leaseOf(state);
}
