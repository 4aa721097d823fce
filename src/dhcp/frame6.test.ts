import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf, formatAddress } from "../ip/address.ts";
import { decodeDatagram6, encodeDatagram6, isLinkLocal, linkLocalOf } from "./frame6.ts";

const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value) => addressOf(6, value));

describe("UDP over IPv6", () => {
  test("what is written is read again, and sums up to ffff with its pseudo header", () => {
    const port = fc.nat(0xffff);
    fc.assert(
      fc.property(address, address, port, port, fc.uint8Array(), (from, to, fromPort, toPort, payload) => {
        const datagram = { from, to, fromPort, toPort, payload };
        const packet = encodeDatagram6(datagram);
        expect(decodeDatagram6(packet)).toEqual({ ok: true, value: datagram });
        let sum = 17 + packet.length - 40;
        for (let at = 8; at < packet.length; at += 2) sum += ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
        expect(sum).toBe(0xffff);
      }),
    );
  });

  test("anything else is refused and nothing throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const read = decodeDatagram6(bytes);
        if (read.ok) expect(bytes.length).toBeGreaterThanOrEqual(48);
      }),
    );
    const packet = encodeDatagram6({
      from: addressOf(6, 1n),
      to: addressOf(6, 2n),
      fromPort: 1,
      toPort: 2,
      payload: new Uint8Array(4),
    });
    for (const at of [0, 4, 5, 6, 44, 45]) {
      const broken = packet.slice();
      broken[at] = (broken[at] ?? 0) ^ 0xf0;
      expect(decodeDatagram6(broken).ok, `byte ${at}`).toBe(false);
    }
  });

  test("the link-local address of a MAC address", () => {
    const address = linkLocalOf(Uint8Array.fromHex("5254000203ff"));
    expect(formatAddress(address)).toBe("fe80::5054:ff:fe02:3ff");
    expect(isLinkLocal(address)).toBe(true);
    expect(isLinkLocal(addressOf(6, 1n))).toBe(false);
  });
});
