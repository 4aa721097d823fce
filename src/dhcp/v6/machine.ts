import { formatAddress } from "../../ip/address.ts";
import { holding, stepOf } from "../client.ts";
import type { Lease } from "../lease.ts";
import { after, type Failure, into, log, type Moment, unchanged } from "../machine.ts";
import {
  ask,
  bind,
  declineAgain,
  fail,
  keep,
  lose,
  newAttempt,
  newExchange,
  reboot,
  rebootAgain,
  refuse,
  release,
  select,
  selectAgain,
  take,
  takeAgain,
  takeNext,
} from "./enter.ts";
import type { Message } from "./message.ts";
import { receive } from "./receive.ts";
import type { ClientConfig, ClientState, ClientStep, Phase, Send } from "./state.ts";
import { REQUEST } from "./times.ts";

/** A client that does nothing yet. */
export function newClient(config: ClientConfig): ClientState {
  return { config, phase: { name: "idle" } };
}

/** A client that holds a lease from before. */
export function boundClient(config: ClientConfig, lease: Lease): ClientState {
  return holding(config, lease);
}

/** The DHCPv6 client (RFC 8415 section 18.2): see `Step`. */
export const step = stepOf<ClientConfig, Phase, Message, Send>({
  select,
  newAttempt,
  bind,
  refuse,
  reboot,
  keep,
  renew: (config, lease, at) => ask(config, lease, "renewing", newExchange(at), at),
  release: onRelease,
  wake: onTimer,
  receive,
});

function onTimer(state: ClientState, at: Moment): ClientStep {
  const { config, phase } = state;
  switch (phase.name) {
    case "idle":
      return unchanged(state);
    case "waiting":
      return isOver(phase, at) ? fail(config, phase.attempt, at) : select(config, phase.attempt, at);
    case "selecting": {
      const [best, ...others] = phase.adverts;
      if (best !== undefined) return take(config, phase.attempt, best, others, at);
      if (isOver(phase, at)) return fail(config, phase.attempt, at);
      return selectAgain(config, phase.attempt, phase.exchange, at);
    }
    case "requesting": {
      const { attempt, exchange, advert, others } = phase;
      if (isOver(phase, at)) return fail(config, attempt, at);
      if (exchange.sent < REQUEST.most) return takeAgain(config, attempt, exchange, advert, others, at);
      const address = formatAddress(advert.address);
      const hint = `a DHCPv6 server advertised ${address} and then fell silent`;
      const failure: Failure = { code: "no_answer", hint };
      return takeNext(config, phase, failure, at);
    }
    case "checking": {
      const address = formatAddress(phase.lease.address.address);
      return after([log("probe without result", { address })], bind(config, phase.lease, at));
    }
    case "declining":
      if (isOver(phase, at)) return fail(config, phase.attempt, at);
      return declineAgain(config, phase.lease, phase.attempt, phase.exchange, at);
    case "bound":
      return keep(config, phase.lease, at);
    case "renewing":
    case "rebinding":
      return onSilence(config, phase, at);
    case "rebooting": {
      const { expiresAt } = phase.lease.times;
      if (expiresAt !== undefined && at.now >= expiresAt) return lose(config, phase.lease, "expired", at);
      return rebootAgain(config, phase.lease, phase.exchange, at);
    }
    case "releasing":
      return release(config, phase.lease, phase.exchange, at);
  }
}

/** The same question again, or the next one once its time has come. A renewal ahead of T1 is asked for once. */
function onSilence(
  config: ClientConfig,
  phase: Extract<Phase, { name: "renewing" | "rebinding" }>,
  at: Moment,
): ClientStep {
  const { renewAt = Number.POSITIVE_INFINITY, rebindAt, expiresAt } = phase.lease.times;
  const limit = phase.name === "renewing" ? rebindAt : expiresAt;
  const isDue = phase.name === "rebinding" || at.now >= renewAt;
  if (!isDue || (limit !== undefined && at.now >= limit)) return keep(config, phase.lease, at);
  return ask(config, phase.lease, phase.name, phase.exchange, at);
}

function isOver({ attempt }: { readonly attempt: { readonly deadline?: number } }, { now }: Moment): boolean {
  return attempt.deadline !== undefined && now >= attempt.deadline;
}

function onRelease(state: ClientState, at: Moment): ClientStep {
  const { config, phase } = state;
  if (phase.name === "releasing") return unchanged(state);
  const lease = phase.name === "declining" ? undefined : leaseOf(state);
  if (lease !== undefined) return release(config, lease, newExchange(at), at);
  return into(config, { name: "idle" }, at, undefined, { kind: "released" });
}

/** The lease that a server has given to us, whether the interface carries it yet or not. */
function leaseOf({ phase }: ClientState): Lease | undefined {
  return "lease" in phase ? phase.lease : undefined;
}
