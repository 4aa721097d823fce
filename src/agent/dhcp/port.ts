import type { Address } from "../../ip/address.ts";
import type { NetnsError } from "../../netns/error.ts";
import type { Result } from "../../result.ts";

/**
 * The way of one DHCP client to the network. It opens what it needs when something is to be sent, and holds nothing open when it
 * is closed: a bound lease needs neither socket nor thread.
 */
export interface Port<Sent> {
  send(sent: Sent): Result<void, NetnsError>;
  /** Finds out whether another host uses the address. `answer` is called once, unless the port is closed before. */
  probe(address: Address, answer: (conflict: boolean) => void): void;
  close(): void;
  /** Told that the last packet was what the client had waited for. */
  trust(): void;
  /** The MAC address that the last such packet came from. Anybody can send others. */
  readonly source: Uint8Array | undefined;
}

/** Called for each well-formed message that comes in while the port is open. */
export type Received<Message> = (message: Message, from: Address) => void;
