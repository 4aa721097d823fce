import { type Address, addressOf } from "../../ip/address.ts";
import { bytesOf16, bytesOf32, bytesOfAddress, joined, textBytes, uint32 } from "../bytes.ts";
import { encodeOptions } from "../v6/codec.ts";
import { type Message, type MessageType, OPTION, type Option } from "../v6/index.ts";
import { optionValue, readAssociation, STATUS } from "../v6/options.ts";
import type { ModelServer } from "./network.ts";

type Entry = { readonly client: string; readonly until: number };

/** An IA_NA as servers send it, in seconds. */
export function iaNa(
  iaid: number,
  t1: number,
  t2: number,
  items: readonly { readonly address: Address; readonly preferred: number; readonly valid: number }[],
  status?: Option,
): Option {
  const options = items.map(({ address, preferred, valid }) => ({
    code: OPTION.iaAddress,
    value: joined(bytesOfAddress(address), bytesOf32(preferred), bytesOf32(valid)),
  }));
  const nested = encodeOptions([...options, ...(status ? [status] : [])]);
  return { code: OPTION.iaNa, value: joined(bytesOf32(iaid), bytesOf32(t1), bytesOf32(t2), nested) };
}

export function status(code: number, text = ""): Option {
  return { code: OPTION.statusCode, value: joined(bytesOf16(code), textBytes(text)) };
}

/** The server side of RFC 8415 section 18.3 in short, with a pool and one lifetime. For tests. */
export class Server6 implements ModelServer<Message> {
  isUp = true;
  /** By address; a declined one belongs to "". */
  readonly #entries = new Map<bigint, Entry>();

  constructor(
    readonly address: Address,
    readonly duid: Uint8Array,
    readonly first: Address,
    readonly size: number,
    /** In seconds. */
    readonly lease: number,
  ) {}

  held(now: number): number {
    return [...this.#entries.values()].filter(({ client, until }) => client !== "" && until > now).length;
  }

  handle(message: Message, _from: Address | undefined, now: number): readonly Message[] {
    const client = optionValue(message.options, OPTION.clientId)?.toHex() ?? "";
    const server = optionValue(message.options, OPTION.serverId)?.toHex();
    if (server !== undefined && server !== this.duid.toHex()) return [];
    const iaid = uint32(optionValue(message.options, OPTION.iaNa) ?? new Uint8Array(), 0);
    const asked = readAssociation(message.options, iaid)?.items[0]?.address.value;
    const own = [...this.#entries].find(([, entry]) => entry.client === client && entry.until > now)?.[0];
    const reply = (type: MessageType, ...options: Option[]): Message[] => [
      {
        type,
        xid: message.xid,
        options: [this.#id(), { code: OPTION.clientId, value: Uint8Array.fromHex(client) }, ...options],
      },
    ];
    const give = (type: MessageType, address: bigint, ...more: Option[]) => {
      this.#entries.set(address, { client, until: now + (type === "ADVERTISE" ? 10 : this.lease) * 1000 });
      const item = { address: addressOf(6, address), preferred: this.lease, valid: this.lease };
      return reply(type, iaNa(iaid, this.lease / 2, this.lease * 0.8, [item]), ...more);
    };
    const refuse = (type: MessageType, code: number) => reply(type, iaNa(iaid, 0, 0, [], status(code)));
    switch (message.type) {
      case "SOLICIT": {
        const address = own ?? this.#choose(asked, now);
        const rapid = message.options.filter(({ code }) => code === OPTION.rapidCommit);
        if (address === undefined) return refuse("ADVERTISE", STATUS.noAddresses);
        if (rapid.length > 0) return give("REPLY", address, ...rapid);
        // An advertisement must not shorten what is held.
        if (own === undefined) return give("ADVERTISE", address);
        const item = { address: addressOf(6, address), preferred: this.lease, valid: this.lease };
        return reply("ADVERTISE", iaNa(iaid, 0, 0, [item]));
      }
      case "REQUEST": {
        const address = own ?? this.#choose(asked, now);
        return address === undefined ? refuse("REPLY", STATUS.noAddresses) : give("REPLY", address);
      }
      case "RENEW":
      case "REBIND":
        if (own !== undefined && own === asked) return give("REPLY", own);
        return message.type === "RENEW" ? refuse("REPLY", STATUS.noBinding) : [];
      case "CONFIRM":
        return reply(
          "REPLY",
          status(asked !== undefined && this.#isIn(asked) ? STATUS.success : STATUS.notOnLink),
        );
      case "RELEASE":
        if (own !== undefined) this.#entries.delete(own);
        return reply("REPLY", status(STATUS.success));
      case "DECLINE":
        if (own !== undefined) this.#entries.set(own, { client: "", until: now + 86_400_000 });
        return reply("REPLY", status(STATUS.success));
      default:
        return [];
    }
  }

  #id(): Option {
    return { code: OPTION.serverId, value: this.duid };
  }

  #choose(asked: bigint | undefined, now: number): bigint | undefined {
    const isFree = (address: bigint) => (this.#entries.get(address)?.until ?? 0) <= now;
    if (asked !== undefined && this.#isIn(asked) && isFree(asked)) return asked;
    for (let index = 0n; index < BigInt(this.size); index++) {
      if (isFree(this.first.value + index)) return this.first.value + index;
    }
    return undefined;
  }

  #isIn(address: bigint): boolean {
    return address >= this.first.value && address < this.first.value + BigInt(this.size);
  }
}
