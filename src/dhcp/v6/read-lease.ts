import type { Dns } from "../../cni/result.ts";
import { type Address, formatAddress, sameAddress } from "../../ip/address.ts";
import type { DelegatedPrefix, Lease } from "../lease.ts";
import type { Failure, Random } from "../machine.ts";
import { decodeNames } from "../names.ts";
import { type Message, OPTION } from "./message.ts";
import {
  FOREVER,
  type IaAddress,
  type IaPrefix,
  optionValue,
  readAddresses,
  readAssociation,
  readDelegation,
  readDuid,
  readNtp,
  readPreference,
  readStatus,
  STATUS,
  type Status,
} from "./options.ts";
import type { Advert, ClientConfig } from "./state.ts";
import { readTimes } from "./times.ts";

/** What a server gives in an ADVERTISE or REPLY, or why not. */

/** The first status that is not success: that of the message, else of the IA_NA. */
export function statusOf({ options }: Message, iaid: number): Status {
  const outer = readStatus(options);
  return outer.code === STATUS.success ? (readAssociation(options, iaid)?.status ?? outer) : outer;
}

/** Whether the server answered about our association with addresses; the previous one is preferred. */
export function addressIn(message: Message, iaid: number, previous?: Lease): IaAddress | undefined {
  const items = readAssociation(message.options, iaid)?.items.filter(({ valid }) => valid > 0) ?? [];
  const same = previous && items.find(({ address }) => sameAddress(address, previous.address.address));
  return same ?? items[0];
}

export function refusalOf(message: Message, iaid: number): Failure {
  const { code, text } = statusOf(message, iaid);
  if (code === STATUS.success) {
    return { code: "unacceptable", hint: "the DHCPv6 server's answer has no usable address" };
  }
  return { code: "refused", hint: `the DHCPv6 server refused with status ${code}${text ? `: ${text}` : ""}` };
}

/** `from` is where it came from. */
export function readAdvert(message: Message, from: Address, iaid: number): Advert | undefined {
  const serverDuid = readDuid(message.options, OPTION.serverId);
  const item = statusOf(message, iaid).code === STATUS.success ? addressIn(message, iaid) : undefined;
  if (serverDuid === undefined || item === undefined) return undefined;
  return {
    serverDuid,
    from,
    preference: readPreference(message.options),
    address: item.address,
    prefixes: prefixesIn(message, iaid).map(({ prefix }) => prefix),
  };
}

/** The lease of a REPLY; `item` is that of `addressIn`, `since` when it was asked for. */
export function readLease(
  config: ClientConfig,
  message: Message,
  from: Address,
  item: IaAddress,
  since: number,
  random: Random,
): { readonly lease: Lease; readonly note?: string } {
  const { options } = message;
  const association = readAssociation(options, config.iaid) ?? { t1: 0, t2: 0 };
  const { times, note } = readTimes(association, item, since, random);
  const lease: Lease = {
    family: 6,
    address: { address: item.address, prefix: 128 },
    server: from,
    serverDuid: (readDuid(options, OPTION.serverId) ?? new Uint8Array()).toHex(),
    routes: [],
    dns: dnsOf(message),
    ntp: readNtp(options),
    delegated: prefixesIn(message, config.iaid).map(
      ({ prefix, valid }): DelegatedPrefix => ({
        prefix,
        ...(valid !== FOREVER && { expiresAt: since + valid * 1000 }),
      }),
    ),
    times,
    options: Object.fromEntries(options.map(({ code, value }) => [String(code), value.toHex()])),
  };
  return { lease, ...(note && { note }) };
}

function prefixesIn({ options }: Message, iaid: number): readonly IaPrefix[] {
  return readDelegation(options, iaid)?.items.filter(({ valid }) => valid > 0) ?? [];
}

/** RFC 3646. */
function dnsOf({ options }: Message): Dns {
  const nameservers = readAddresses(options, OPTION.dns)
    .filter(({ value }) => value !== 0n)
    .map(formatAddress);
  const search = decodeNames(optionValue(options, OPTION.domainList) ?? new Uint8Array()) ?? [];
  return { ...(nameservers.length > 0 && { nameservers }), ...(search.length > 0 && { search }) };
}
