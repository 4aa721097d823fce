import { expect, test } from "bun:test";
import fc from "fast-check";
import { arpAnnouncement, arpProbe, decodeArp, encodeArp, probeTimes, showsConflict } from "./arp.ts";
import { joined } from "./bytes.ts";
import { ip } from "./testing/answers.ts";

const OURS = Uint8Array.of(2, 0, 0, 0, 0, 1);
const THEIRS = Uint8Array.of(2, 0, 0, 0, 0, 2);
const WANTED = ip("192.0.2.10");

test("a probe claims nothing (RFC 5227): the bytes, and the way back with padding", () => {
  const bytes = encodeArp(arpProbe(OURS, WANTED));
  expect(bytes.toHex()).toBe("0001080006040001" + "02000000000100000000" + "000000000000c000020a");
  expect(decodeArp(joined(bytes, new Uint8Array(18)))).toEqual({ ok: true, value: arpProbe(OURS, WANTED) });
});

test("whoever has the address, or probes for it, is a conflict; we ourselves are none", () => {
  const reply = { ...arpAnnouncement(THEIRS, WANTED), operation: "reply" as const };
  expect(showsConflict(reply, OURS, WANTED)).toBe(true);
  expect(showsConflict(arpAnnouncement(THEIRS, WANTED), OURS, WANTED)).toBe(true);
  expect(showsConflict(arpProbe(THEIRS, WANTED), OURS, WANTED)).toBe(true);
  expect(showsConflict(arpProbe(OURS, WANTED), OURS, WANTED)).toBe(false);
  expect(showsConflict(arpProbe(THEIRS, ip("192.0.2.11")), OURS, WANTED)).toBe(false);
  // An ordinary question for the address by a neighbour.
  const question = { ...arpProbe(THEIRS, WANTED), senderAddress: ip("192.0.2.1") };
  expect(showsConflict(question, OURS, WANTED)).toBe(false);
});

test("probes of RFC 5227: three, one to two seconds apart, and two of silence after the last", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 3 }), (draws) => {
      let drawn = 0;
      const { probes, silence } = probeTimes("rfc5227", () => draws[drawn++ % draws.length] ?? 0);
      const [first = 0, second = 0, third = 0] = probes;
      expect(probes).toHaveLength(3);
      expect(first).toBeLessThanOrEqual(1_000);
      for (const gap of [second - first, third - second]) {
        expect(gap).toBeGreaterThanOrEqual(999.999);
        expect(gap).toBeLessThanOrEqual(2_000);
      }
      expect(silence - third).toBeCloseTo(2_000);
    }),
  );
  expect(probeTimes("fast", Math.random)).toEqual({ probes: [0, 12], silence: 25 });
});

test("anything else is refused, nothing throws", () => {
  const bytes = encodeArp(arpProbe(OURS, WANTED));
  for (const at of [0, 2, 4, 5, 6]) {
    const changed = bytes.slice();
    changed[at] = 77;
    expect(decodeArp(changed).ok).toBe(false);
  }
  expect(decodeArp(bytes.slice(0, 27)).ok).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (random) => {
      decodeArp(random);
    }),
  );
});
