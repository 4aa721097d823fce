import { type Address, addressOf, sameAddress } from "../../ip/address.ts";
import { type Message, OPTION } from "../v4/index.ts";
import { readAddress } from "../v4/options.ts";
import { answer } from "./answers.ts";
import type { ModelServer } from "./network.ts";

type Entry = { readonly client: string; readonly until: number; readonly isBound: boolean };

/** The server side of RFC 2131 section 4.3 in short, with a pool and one lease time. For tests. */
export class Server4 implements ModelServer<Message> {
  isUp = true;
  /** By address. */
  readonly #entries = new Map<bigint, Entry>();

  constructor(
    readonly address: Address,
    readonly first: Address,
    readonly size: number,
    /** In seconds. */
    readonly lease: number,
  ) {}

  held(now: number): number {
    return [...this.#entries.values()].filter(({ isBound, until }) => isBound && until > now).length;
  }

  handle(message: Message, from: Address | undefined, now: number): readonly Message[] {
    const client = message.options.get(OPTION.clientId)?.toHex() ?? "";
    const asked = readAddress(message.options, OPTION.requestedAddress);
    const server = readAddress(message.options, OPTION.serverId);
    const isOurs = server === undefined || sameAddress(server, this.address);
    const reply = (type: "OFFER" | "ACK" | "NAK", yiaddr?: Address) => [
      answer(message, type, { server: this.address, lease: this.lease, ...(yiaddr && { yiaddr }) }),
    ];
    switch (message.type) {
      case "DISCOVER": {
        const address = this.#choose(client, asked, now);
        if (address === undefined) return [];
        const known = this.#entries.get(address);
        const bound = known?.client === client && known.isBound && known.until > now;
        if (!bound) this.#entries.set(address, { client, until: now + 10_000, isBound: false });
        return reply("OFFER", addressOf(4, address));
      }
      case "REQUEST": {
        if (!isOurs) return this.#forget(client);
        const address = message.ciaddr.value === 0n ? asked?.value : message.ciaddr.value;
        if (address === undefined || !this.#isIn(address)) return server === undefined ? [] : reply("NAK");
        const entry = this.#entries.get(address);
        if (entry?.client !== client || entry.until <= now) return reply("NAK");
        this.#entries.set(address, { client, until: now + this.lease * 1000, isBound: true });
        return reply("ACK", addressOf(4, address));
      }
      case "RELEASE": {
        const entry = this.#entries.get(message.ciaddr.value);
        // Real servers drop a release that does not come from the address itself.
        if (isOurs && entry?.client === client && from && sameAddress(from, message.ciaddr)) {
          this.#entries.delete(message.ciaddr.value);
        }
        return [];
      }
      case "DECLINE":
        if (isOurs && asked && this.#isIn(asked.value)) {
          this.#entries.set(asked.value, { client: "declined", until: now + 86_400_000, isBound: false });
        }
        return [];
      default:
        return [];
    }
  }

  /** The client's own address, the one it asks for, or the first that is free. */
  #choose(client: string, asked: Address | undefined, now: number): bigint | undefined {
    const own = [...this.#entries].find(([, entry]) => entry.client === client && entry.until > now);
    if (own !== undefined) return own[0];
    const isFree = (address: bigint) => (this.#entries.get(address)?.until ?? 0) <= now;
    if (asked && this.#isIn(asked.value) && isFree(asked.value)) return asked.value;
    for (let index = 0n; index < BigInt(this.size); index++) {
      if (isFree(this.first.value + index)) return this.first.value + index;
    }
    return undefined;
  }

  /** The client took another server's offer. */
  #forget(client: string): readonly Message[] {
    for (const [address, entry] of this.#entries) {
      if (entry.client === client && !entry.isBound) this.#entries.delete(address);
    }
    return [];
  }

  #isIn(address: bigint): boolean {
    return address >= this.first.value && address < this.first.value + BigInt(this.size);
  }
}
