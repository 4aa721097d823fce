import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf } from "../../ip/address.ts";
import { bytesOf32, joined } from "../bytes.ts";
import { anyMessage } from "../testing/any-message.ts";
import { decodeMessage, encodeMessage, type Message, OPTION } from "./index.ts";

const plain: Message = {
  op: "reply",
  type: "ACK",
  xid: 0x12345678,
  secs: 3,
  broadcast: true,
  ciaddr: addressOf(4, 0n),
  yiaddr: addressOf(4, 0xc000020an),
  siaddr: addressOf(4, 0n),
  giaddr: addressOf(4, 0n),
  chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
  options: new Map([[OPTION.leaseTime, bytesOf32(60)]]),
};

function decoded(bytes: Uint8Array): Message {
  const result = decodeMessage(bytes);
  if (!result.ok) throw new Error(result.error.hint);
  return result.value;
}

function refusedBecause(bytes: Uint8Array): string {
  const result = decodeMessage(bytes);
  return result.ok ? "accepted" : result.error.hint;
}

/** A packet whose options, `file` and `sname` are written byte by byte. */
function packet(options: readonly number[], file: readonly number[] = [], sname: readonly number[] = []) {
  const bytes = joined(
    encodeMessage({ ...plain, options: new Map() }).slice(0, 240),
    Uint8Array.from(options),
  );
  bytes.set(file, 108);
  bytes.set(sname, 44);
  return bytes;
}

describe("decodeMessage", () => {
  test("reads what encodeMessage wrote, values beyond 255 bytes included (RFC 3396)", () => {
    fc.assert(fc.property(anyMessage, (message) => expect(decoded(encodeMessage(message))).toEqual(message)));
  });

  test("the layout of RFC 2131 figure 1", () => {
    const bytes = encodeMessage(plain);
    expect(bytes.length).toBe(300);
    expect(bytes.slice(0, 12).toHex()).toBe("020106001234567800038000");
    expect(bytes.slice(16, 20).toHex()).toBe("c000020a");
    expect(bytes.slice(28, 44).toHex()).toBe("02000000000100000000000000000000");
    expect(bytes.slice(236, 250).toHex()).toBe("638253633501053304" + "0000003cff");
  });

  test("joins the parts of an option from options, file and sname in this order", () => {
    const bytes = packet(
      [53, 1, 2, 15, 2, 0x61, 0x62, 52, 1, 3, 255],
      [15, 1, 0x63, 255],
      [0, 15, 1, 0x64, 255],
    );
    const { type, options } = decoded(bytes);
    expect(type).toBe("OFFER");
    expect([...options]).toEqual([[15, new TextEncoder().encode("abcd")]]);
  });

  test("reads file alone with overload 1, sname alone with 2", () => {
    const file = [12, 1, 0x66, 255];
    const sname = [12, 1, 0x73, 255];
    const text = (overload: number) =>
      new TextDecoder().decode(
        decoded(packet([53, 1, 2, 52, 1, overload, 255], file, sname)).options.get(12),
      );
    expect(text(1)).toBe("f");
    expect(text(2)).toBe("s");
  });

  test("forgives a missing end option; ignores what lies behind it", () => {
    expect(decoded(packet([53, 1, 5])).options.size).toBe(0);
    expect(decoded(packet([53, 1, 5, 255, 12, 200])).options.size).toBe(0);
  });

  test.each([
    ["too short", new Uint8Array(239), "239 bytes are too few"],
    ["a lying length", packet([53, 1, 5, 12, 9, 1]), "an option reaches beyond the packet"],
    ["an option without its length", packet([53, 1, 5, 12]), "an option reaches beyond the packet"],
    [
      "a lying length in file",
      packet([53, 1, 5, 52, 1, 1, 255], new Array(126).fill(0).concat(12, 9)),
      "an option reaches beyond sname or file",
    ],
    ["overload 0", packet([53, 1, 5, 52, 1, 0, 255]), "option 52 (overload) is neither 1, 2 nor 3"],
    [
      "overload twice",
      packet([53, 1, 5, 52, 1, 1, 52, 1, 1, 255]),
      "option 52 (overload) is neither 1, 2 nor 3",
    ],
    ["no message type", packet([255]), "no message type, or an unknown one"],
    ["message type 9", packet([53, 1, 9, 255]), "no message type, or an unknown one"],
    ["message type 0", packet([53, 1, 0, 255]), "no message type, or an unknown one"],
  ])("refuses %s", (_, bytes, hint) => {
    expect(refusedBecause(bytes)).toBe(hint);
  });

  test.each([
    ["op", 0, 3, "op 3 is neither request nor reply"],
    ["htype", 1, 6, "hardware type 6 with 6 bytes is not Ethernet"],
    ["hlen", 2, 16, "hardware type 1 with 16 bytes is not Ethernet"],
    ["magic cookie", 237, 0, "the magic cookie of DHCP is missing"],
  ])("refuses another %s", (_, at, value, hint) => {
    const bytes = encodeMessage(plain);
    bytes[at] = value;
    expect(refusedBecause(bytes)).toBe(hint);
  });

  test("never throws: random bytes, and packets with bytes changed, cut or added", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        decodeMessage(bytes);
      }),
    );
    const change = fc.tuple(fc.nat({ max: 1500 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(
        anyMessage,
        fc.array(change, { maxLength: 20 }),
        fc.nat({ max: 1500 }),
        (message, changes, end) => {
          const bytes = encodeMessage(message).slice(0, Math.max(end, 240));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          decodeMessage(bytes);
        },
      ),
      { numRuns: 300 },
    );
  });
});
