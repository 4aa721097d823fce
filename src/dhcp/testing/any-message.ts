import fc from "fast-check";
import { addressOf } from "../../ip/address.ts";
import { type Message, type MessageType, OPTION } from "../v4/index.ts";

const address = fc.nat({ max: 0xffff_ffff }).map((value) => addressOf(4, BigInt(value)));
const types: MessageType[] = ["DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"];
const code = fc
  .integer({ min: 1, max: 254 })
  .filter((n) => n !== OPTION.overload && n !== OPTION.messageType);

/** Every DHCPv4 message that the codec can carry. For tests. */
export const anyMessage: fc.Arbitrary<Message> = fc.record({
  op: fc.constantFrom("request", "reply"),
  type: fc.constantFrom(...types),
  xid: fc.nat({ max: 0xffff_ffff }),
  secs: fc.nat({ max: 0xffff }),
  broadcast: fc.boolean(),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: fc.uint8Array({ minLength: 6, maxLength: 6 }),
  options: fc
    .array(fc.tuple(code, fc.uint8Array({ maxLength: 700 })), { maxLength: 8 })
    .map((options) => new Map(options)),
});
