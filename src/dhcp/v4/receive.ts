import { type Address, formatAddress, sameAddress } from "../../ip/address.ts";
import { NO_ADDRESS, sameBytes } from "../bytes.ts";
import { after, type Failure, into, log, type Moment, unchanged } from "../machine.ts";
import { accept, extend, lose, nextOffer, request } from "./enter.ts";
import { type Message, OPTION } from "./message.ts";
import { readAddress, readText } from "./options.ts";
import { refusalOf } from "./read-lease.ts";
import type { ClientState, ClientStep, Offer, Phase } from "./state.ts";

/** More offers than this are not kept. */
const MOST_OFFERS = 8;

type In<Name extends Phase["name"]> = Extract<Phase, { name: Name }>;

/** What an answer of a server does. What is not for this client, or not for its last question, does nothing. */
export function receive(state: ClientState, message: Message, from: Address, at: Moment): ClientStep {
  const { phase } = state;
  if (!isForUs(state, message)) return unchanged(state);
  switch (phase.name) {
    case "selecting":
      return message.type === "OFFER" ? onOffer(state, phase, message, from, at) : unchanged(state);
    case "requesting":
      return whileRequesting(state, phase, message, from, at);
    case "renewing":
    case "rebinding":
    case "rebooting":
      return whileHolding(state, phase, message, from, at);
    default:
      return unchanged(state);
  }
}

/** RFC 2131 section 4.1; RFC 6842 section 3 for an echoed client identifier, which tells apart clients with one MAC address. */
function isForUs({ config, phase }: ClientState, message: Message): boolean {
  const echoed = message.options.get(OPTION.clientId);
  return (
    message.op === "reply" &&
    "exchange" in phase &&
    phase.exchange.xid === message.xid &&
    sameBytes(message.chaddr, config.mac) &&
    (echoed === undefined || sameBytes(echoed, config.clientId))
  );
}

function onOffer(
  state: ClientState,
  phase: In<"selecting">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  const hint = refusalOf(message);
  if (hint !== undefined) {
    const failure: Failure = { code: "unacceptable", hint };
    const attempt = { ...phase.attempt, failure };
    return after(
      [log("offer refused", { from: formatAddress(from), reason: hint })],
      into(state.config, { ...phase, attempt }, at, state.wakeAt),
    );
  }
  const exchange = { xid: phase.exchange.xid, sent: 0, since: at.now };
  return request(state.config, phase.attempt, exchange, offerOf(message), [], at);
}

function whileRequesting(
  state: ClientState,
  phase: In<"requesting">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  if (message.type === "OFFER") return remember(state, phase, message, at);
  const isChosen = sameAddress(serverOf(message), phase.offer.server);
  if (message.type === "NAK" && isChosen) {
    return nextOffer(state.config, phase, refusal(message), at);
  }
  if (message.type !== "ACK") return unchanged(state);
  if (!isChosen || !sameAddress(message.yiaddr, phase.offer.address)) {
    return distrust(state, from, "it is not what the chosen server offered");
  }
  const hint = refusalOf(message);
  if (hint === undefined) return accept(state.config, phase, message, at);
  return after(
    [log("answer refused", { from: formatAddress(from), reason: hint })],
    nextOffer(state.config, phase, { code: "unacceptable", hint }, at),
  );
}

function whileHolding(
  state: ClientState,
  phase: In<"renewing" | "rebinding" | "rebooting">,
  message: Message,
  from: Address,
  at: Moment,
): ClientStep {
  // Only a broadcast question may be answered by any server.
  if (phase.name === "renewing" && !sameAddress(serverOf(message), phase.lease.server)) {
    return distrust(state, from, "it is not of the server that gave the lease");
  }
  if (message.type === "NAK") {
    const fields = { from: formatAddress(from), reason: refusal(message).hint };
    return after([log("lease refused", fields)], lose(state.config, phase.lease, "nak", at));
  }
  if (message.type !== "ACK") return unchanged(state);
  const hint = refusalOf(message, phase.lease);
  if (hint !== undefined) return distrust(state, from, hint);
  return extend(state.config, phase.lease, phase.exchange, message, at);
}

function remember(state: ClientState, phase: In<"requesting">, message: Message, at: Moment): ClientStep {
  const offer = offerOf(message);
  const known = [phase.offer, ...phase.others].some(({ server }) => sameAddress(server, offer.server));
  if (known || refusalOf(message) !== undefined || phase.others.length >= MOST_OFFERS)
    return unchanged(state);
  return into(state.config, { ...phase, others: [...phase.others, offer] }, at, state.wakeAt);
}

function offerOf(message: Message): Offer {
  return { address: message.yiaddr, server: serverOf(message) };
}

function serverOf({ options }: Message): Address {
  return readAddress(options, OPTION.serverId) ?? NO_ADDRESS;
}

function refusal(message: Message): Failure {
  const reason = readText(message.options, OPTION.message);
  const hint = `the DHCP server ${formatAddress(serverOf(message))} refused${reason ? `: ${reason}` : ""}`;
  return { code: "refused", hint };
}

function distrust(state: ClientState, from: Address, reason: string): ClientStep {
  return { state, effects: [log("answer ignored", { from: formatAddress(from), reason })] };
}
