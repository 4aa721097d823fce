import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ip } from "../testing/answers.ts";
import { iaNa } from "../testing/server6.ts";
import { decodeMessage, encodeMessage, type Message, type MessageType } from "./index.ts";
import { readAssociation, readDelegation, readNtp, readStatus } from "./options.ts";

const types: MessageType[] = [
  "SOLICIT",
  "ADVERTISE",
  "REQUEST",
  "CONFIRM",
  "RENEW",
  "REBIND",
  "REPLY",
  "RELEASE",
  "DECLINE",
];
const anyMessage: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom(...types),
  xid: fc.nat({ max: 0xff_ffff }),
  options: fc.array(
    fc.record({
      code: fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 0xffff })),
      value: fc.uint8Array({ maxLength: 300 }),
    }),
    { maxLength: 10 },
  ),
});

describe("decodeMessage", () => {
  test("reads what encodeMessage wrote, options in order and more than once", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, value: message });
      }),
    );
  });

  test.each([
    ["too few bytes", [7, 0, 0], "3 bytes are too few"],
    ["a relayed message", [12, 0, 0, 0], "message type 12 is none between client and server"],
    ["type 0", [0, 0, 0, 0], "message type 0 is none between client and server"],
    ["a lying length", [7, 0, 0, 1, 0, 1, 0, 5, 1, 2], "an option reaches beyond the packet"],
    ["half an option header", [7, 0, 0, 1, 0, 1, 0], "an option reaches beyond the packet"],
  ])("refuses %s", (_, bytes, hint) => {
    expect(decodeMessage(Uint8Array.from(bytes))).toEqual({ ok: false, error: { code: "malformed", hint } });
  });

  test("neither it nor the readers of options throw on whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 255 }), (bytes, type) => {
        for (const packet of [bytes, Uint8Array.of(type, 0, 0, 1, ...bytes)]) decodeMessage(packet);
        for (const code of [3, 13, 25, 56]) {
          const options = [{ code, value: bytes }];
          const iaid = bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0;
          readAssociation(options, iaid);
          readDelegation(options, iaid);
          readNtp(options);
          readStatus(options);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("an IA_NA", () => {
  const item = { address: ip("2001:db8::1"), preferred: 10, valid: 20 };
  const read = (option: ReturnType<typeof iaNa>) => readAssociation([option], 7);

  test("has its addresses and times", () => {
    expect(read(iaNa(7, 5, 8, [item]))).toMatchObject({ t1: 5, t2: 8, items: [item], status: { code: 0 } });
  });

  test("of another IAID, or with T1 beyond T2, is none (RFC 8415 section 21.4)", () => {
    expect(read(iaNa(8, 5, 8, [item]))).toBeUndefined();
    expect(read(iaNa(7, 9, 8, [item]))).toBeUndefined();
  });

  test.each(["::", "::1", "ff02::1", "fe80::1"])("gives no %s", (address) => {
    expect(read(iaNa(7, 5, 8, [{ ...item, address: ip(address) }]))?.items).toEqual([]);
  });

  test("an address whose preferred lifetime is longer than the valid one is left out (section 21.6)", () => {
    expect(read(iaNa(7, 5, 8, [{ ...item, preferred: 21 }]))?.items).toEqual([]);
  });
});
