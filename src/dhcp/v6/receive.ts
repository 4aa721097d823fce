import { type Address, formatAddress, sameAddress } from "../../ip/address.ts";
import { sameBytes } from "../bytes.ts";
import { after, into, log, type Moment, unchanged } from "../machine.ts";
import { accept, extend, keep, lose, released, startOver, take, takeNext } from "./enter.ts";
import { type Message, OPTION } from "./message.ts";
import { optionValue, readAssociation, readDuid, readSolicitMaxRt, STATUS } from "./options.ts";
import { addressIn, readAdvert, refusalOf, statusOf } from "./read-lease.ts";
import type { ClientState, ClientStep, Phase } from "./state.ts";

/** More advertisements than this are not kept. */
const MOST_ADVERTS = 8;
/** RFC 8415 section 18.2.1: such a server is not to be waited beyond. */
const BEST_PREFERENCE = 255;

type In<Name extends Phase["name"]> = Extract<Phase, { name: Name }>;

/** What an answer of a server does. What is not for this client, or not for its last question, does nothing. */
export function receive(state: ClientState, message: Message, from: Address, at: Moment): ClientStep {
  const { config, phase } = state;
  const server = readDuid(message.options, OPTION.serverId);
  if (server === undefined || !isForUs(state, message)) return unchanged(state);
  switch (phase.name) {
    case "selecting":
      return whileSelecting(state, phase, message, from, at);
    case "requesting":
      if (message.type !== "REPLY" || !sameBytes(server, phase.advert.serverDuid)) return unchanged(state);
      return onReply(state, phase, message, from, at);
    case "renewing":
      if (server.toHex() !== phase.lease.serverDuid) {
        return distrust(state, from, "it is not of the server that gave the lease");
      }
      return whileExtending(state, phase, message, from, at);
    case "rebinding":
      return whileExtending(state, phase, message, from, at);
    case "rebooting":
      return whileConfirming(state, phase, message, from, at);
    case "declining":
      return message.type === "REPLY" ? startOver(config, phase.attempt, at) : unchanged(state);
    case "releasing":
      return message.type === "REPLY" ? released(config, phase.lease, at) : unchanged(state);
    default:
      return unchanged(state);
  }
}

/** RFC 8415 sections 16.3 and 16.10: the client's own DUID must come back. */
function isForUs({ config, phase }: ClientState, { xid, options }: Message): boolean {
  const client = optionValue(options, OPTION.clientId);
  return (
    "exchange" in phase &&
    phase.exchange.xid === xid &&
    client !== undefined &&
    sameBytes(client, config.duid)
  );
}

function whileSelecting(
  state: ClientState,
  phase: In<"selecting">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  const { config } = state;
  if (message.type === "REPLY") {
    // Section 18.2.10.1: a REPLY to a SOLICIT counts with the option alone.
    const isRapid = config.rapidCommit && optionValue(message.options, OPTION.rapidCommit) !== undefined;
    const item = addressIn(message, config.iaid);
    return isRapid && item ? accept(config, phase, message, from, item, at) : unchanged(state);
  }
  if (message.type !== "ADVERTISE") return unchanged(state);

  const seconds = readSolicitMaxRt(message.options);
  const attempt = { ...phase.attempt, ...(seconds && { longestWait: seconds * 1000 }) };
  const advert = readAdvert(message, from, config.iaid);
  if (advert === undefined) {
    const failure = refusalOf(message, config.iaid);
    return after(
      [log("advertisement refused", { from: formatAddress(from), reason: failure.hint })],
      into(config, { ...phase, attempt: { ...attempt, failure } }, at, state.wakeAt),
    );
  }
  const isKnown = phase.adverts.some(({ serverDuid }) => sameBytes(serverDuid, advert.serverDuid));
  if (isKnown || phase.adverts.length >= MOST_ADVERTS) return unchanged(state);
  const adverts = [...phase.adverts, advert].sort((a, b) => b.preference - a.preference);
  const [best, ...others] = adverts;
  // Once the first wait is over, whoever answers first is taken.
  const isEnough = advert.preference === BEST_PREFERENCE || phase.exchange.sent > 1;
  if (best && isEnough) return take(config, attempt, best, others, at);
  const wakeAt = Math.min(state.wakeAt ?? at.now, at.now + config.timing.collect);
  return into(config, { ...phase, attempt, adverts }, at, wakeAt);
}

function onReply(
  state: ClientState,
  phase: In<"requesting">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  const { config } = state;
  const { code } = statusOf(message, config.iaid);
  const item = code === STATUS.success ? addressIn(message, config.iaid) : undefined;
  if (item !== undefined) return accept(config, phase, message, from, item, at);
  const failure = refusalOf(message, config.iaid);
  const note = log("answer refused", { from: formatAddress(from), reason: failure.hint });
  // Section 18.2.10: the server has a passing trouble; the next transmission will see.
  if (code === STATUS.unspecified || code === STATUS.useMulticast) return { state, effects: [note] };
  return after([note], takeNext(config, phase, failure, at));
}

function whileExtending(
  state: ClientState,
  phase: In<"renewing" | "rebinding">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  const { config } = state;
  if (message.type !== "REPLY") return unchanged(state);
  const { code } = statusOf(message, config.iaid);
  const failure = refusalOf(message, config.iaid);
  if (code === STATUS.noBinding || code === STATUS.notOnLink || isWithdrawn(message, phase, config.iaid)) {
    const fields = { from: formatAddress(from), reason: failure.hint };
    return after([log("lease refused", fields)], lose(config, phase.lease, "nak", at));
  }
  const item = code === STATUS.success ? addressIn(message, config.iaid, phase.lease) : undefined;
  if (item === undefined) return distrust(state, from, failure.hint);
  return extend(config, phase, message, from, item, at);
}

/** The server says that our address is over (valid lifetime 0) and gives no other. */
function isWithdrawn(message: Message, { lease }: In<"renewing" | "rebinding">, iaid: number): boolean {
  if (addressIn(message, iaid) !== undefined) return false;
  const items = readAssociation(message.options, iaid)?.items ?? [];
  return items.some(({ address }) => sameAddress(address, lease.address.address));
}

function whileConfirming(
  state: ClientState,
  phase: In<"rebooting">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  const { config } = state;
  const { lease } = phase;
  if (message.type !== "REPLY") return unchanged(state);
  const { code } = statusOf(message, config.iaid);
  if (code === STATUS.success) {
    return after([{ kind: "renewed", lease, previous: lease }], keep(config, lease, at));
  }
  if (code !== STATUS.notOnLink) return unchanged(state);
  const fields = { from: formatAddress(from), reason: refusalOf(message, config.iaid).hint };
  return after([log("lease refused", fields)], lose(config, lease, "nak", at));
}

function distrust(state: ClientState, from: Address, reason: string): ClientStep {
  return { state, effects: [log("answer ignored", { from: formatAddress(from), reason })] };
}
