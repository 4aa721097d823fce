import { bytesOf16, joined } from "../bytes.ts";
import type { Lease } from "../lease.ts";
import { type Message, type MessageType, OPTION, type Option } from "./message.ts";
import { association, iaAddress, iaPrefix } from "./options.ts";
import type { Advert, Attempt, ClientConfig, Exchange, Send } from "./state.ts";

/** What the client says in each state: RFC 8415 section 18.2 and the tables of appendix B. */

type Items = Pick<Advert, "prefixes"> & { readonly address?: Advert["address"] };

const NOTHING: Items = { prefixes: [] };

export function solicit(config: ClientConfig, exchange: Exchange, now: number, { wish }: Attempt): Send {
  const rapid = config.rapidCommit ? [{ code: OPTION.rapidCommit, value: new Uint8Array() }] : [];
  const items = wish ? { ...NOTHING, address: wish } : NOTHING;
  return send(config, "SOLICIT", exchange, now, [
    ...wishes(config),
    ...rapid,
    ...associations(config, items),
  ]);
}

export function request(config: ClientConfig, exchange: Exchange, now: number, advert: Advert): Send {
  const options = [server(advert.serverDuid), ...wishes(config), ...associations(config, advert)];
  return send(config, "REQUEST", exchange, now, options);
}

/** To the server that gave the lease. */
export function renew(config: ClientConfig, exchange: Exchange, now: number, lease: Lease): Send {
  const options = [serverOf(lease), ...wishes(config), ...associations(config, itemsOf(lease))];
  return send(config, "RENEW", exchange, now, options);
}

/** To any server. */
export function rebind(config: ClientConfig, exchange: Exchange, now: number, lease: Lease): Send {
  const options = [...wishes(config), ...associations(config, itemsOf(lease))];
  return send(config, "REBIND", exchange, now, options);
}

/** Whether the address fits the link; a prefix cannot be confirmed (section 18.2.12: it is rebound). */
export function confirm(config: ClientConfig, exchange: Exchange, now: number, lease: Lease): Send {
  const items = [iaAddress(lease.address.address)];
  return send(config, "CONFIRM", exchange, now, [association(OPTION.iaNa, config.iaid, items)]);
}

export function giveBack(
  config: ClientConfig,
  type: "RELEASE" | "DECLINE",
  exchange: Exchange,
  now: number,
  lease: Lease,
): Send {
  const items = type === "DECLINE" ? { ...itemsOf(lease), prefixes: [] } : itemsOf(lease);
  return send(config, type, exchange, now, [serverOf(lease), ...given(config, items)]);
}

function itemsOf({ address, delegated }: Lease): Items {
  return { address: address.address, prefixes: delegated.map(({ prefix }) => prefix) };
}

function associations(config: ClientConfig, items: Items): Option[] {
  const asked = given(config, items);
  const hasPrefix = asked.some(({ code }) => code === OPTION.iaPd);
  return config.delegation && !hasPrefix ? [...asked, association(OPTION.iaPd, config.iaid, [])] : asked;
}

function given(config: ClientConfig, { address, prefixes }: Items): Option[] {
  const addresses = address ? [iaAddress(address)] : [];
  return [
    association(OPTION.iaNa, config.iaid, addresses),
    ...(prefixes.length > 0 ? [association(OPTION.iaPd, config.iaid, prefixes.map(iaPrefix))] : []),
  ];
}

function wishes({ request: codes, provide }: ClientConfig): Option[] {
  return [
    { code: OPTION.optionRequest, value: joined(...codes.map(bytesOf16)) },
    ...[...provide].map(([code, value]) => ({ code, value })),
  ];
}

function server(duid: Uint8Array): Option {
  return { code: OPTION.serverId, value: duid };
}

function serverOf({ serverDuid = "" }: Lease): Option {
  return server(Uint8Array.fromHex(serverDuid));
}

function send(
  config: ClientConfig,
  type: MessageType,
  { xid, sent, since }: Exchange,
  now: number,
  options: readonly Option[],
): Send {
  // Section 21.9: hundredths of a second since the first message of the exchange, which says 0.
  const elapsed = sent <= 1 ? 0 : Math.min(0xffff, Math.max(0, Math.round((now - since) / 10)));
  const message: Message = {
    type,
    xid,
    options: [
      { code: OPTION.clientId, value: config.duid },
      { code: OPTION.elapsedTime, value: bytesOf16(elapsed) },
      ...options,
    ],
  };
  return { kind: "send", message };
}
