import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf } from "../ip/address.ts";
import { bytesOf16, joined } from "./bytes.ts";
import { type Datagram, decodeDatagram, encodeDatagram } from "./frame.ts";

const address = fc.nat({ max: 0xffff_ffff }).map((value) => addressOf(4, BigInt(value)));
const port = fc.nat({ max: 0xffff });
const datagram: fc.Arbitrary<Datagram> = fc.record({
  from: address,
  to: address,
  fromPort: port,
  toPort: port,
  payload: fc.uint8Array({ maxLength: 1472 }),
});

const example: Datagram = {
  from: addressOf(4, 0n),
  to: addressOf(4, 0xffff_ffffn),
  fromPort: 68,
  toPort: 67,
  payload: new TextEncoder().encode("berth"),
};

function hintOf(packet: Uint8Array): string {
  const result = decodeDatagram(packet);
  return result.ok ? "accepted" : result.error.hint;
}

describe("a datagram", () => {
  test("survives a round trip, also with what Ethernet pads behind", () => {
    fc.assert(
      fc.property(datagram, fc.nat({ max: 46 }), (one, padding) => {
        expect(decodeDatagram(joined(encodeDatagram(one), new Uint8Array(padding)))).toEqual({
          ok: true,
          value: one,
        });
      }),
    );
  });

  test("has the bytes of RFC 791 and RFC 768; checksums computed apart from this code", () => {
    expect(encodeDatagram(example).toHex()).toBe(
      "45000021000040004011" + "3acd" + "00000000ffffffff" + "00440043000d" + "c273" + "6265727468",
    );
  });

  test("every changed byte of the header or payload is noticed", () => {
    const packet = encodeDatagram(example);
    // 10 and 11, 26 and 27 are the checksums themselves.
    for (let at = 0; at < packet.length; at++) {
      const changed = packet.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x11;
      expect(decodeDatagram(changed).ok).toBe(false);
    }
  });

  test("is accepted without a checksum, and with that of the pseudo header alone (offload on veth)", () => {
    const packet = encodeDatagram(example);
    packet.set([0, 0], 26);
    expect(hintOf(packet)).toBe("accepted");
    // 0.0.0.0 + 255.255.255.255 + UDP + length in one's complement.
    packet.set(bytesOf16(17 + 13), 26);
    expect(hintOf(packet)).toBe("accepted");
  });

  test.each([
    ["an empty one", new Uint8Array(), "not an IPv4 packet"],
    ["IPv6", Uint8Array.of(0x60, ...new Array(60).fill(0)), "not an IPv4 packet"],
    [
      "one that is cut",
      encodeDatagram(example).slice(0, 30),
      "lengths do not fit: header 20, packet 33 of 30",
    ],
  ])("refuses %s", (_, packet, hint) => {
    expect(hintOf(packet)).toBe(hint);
  });

  test("never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        decodeDatagram(bytes);
        decodeDatagram(Uint8Array.of(0x45, ...bytes));
      }),
    );
  });
});
