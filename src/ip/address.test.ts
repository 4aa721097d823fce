import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Address, addressOf, formatAddress, parseAddress } from "./address.ts";

const v4 = fc.bigInt(0n, (1n << 32n) - 1n).map((value) => addressOf(4, value));
// Without IPv4-mapped addresses: those are read as IPv4 on purpose.
const v6 = fc
  .bigInt(0n, (1n << 128n) - 1n)
  .filter((value) => value >> 32n !== 0xffffn)
  .map((value) => addressOf(6, value));
const address = fc.oneof(v4, v6);

function read(text: string, notation?: "sloppy"): Address {
  const parsed = parseAddress(text, notation);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.hint}`);
  return parsed.value;
}

describe("parseAddress and formatAddress", () => {
  test("every address survives a round trip, in both notations", () => {
    fc.assert(
      fc.property(address, (a) => {
        expect(read(formatAddress(a))).toEqual(a);
        expect(read(formatAddress(a), "sloppy")).toEqual(a);
        expect(read(formatAddress(a).toUpperCase())).toEqual(a);
      }),
    );
  });

  test("the text is canonical: any spelling of the eight groups gives it", () => {
    fc.assert(
      fc.property(v6, fc.boolean(), (a, padded) => {
        const digits = a.value.toString(16).padStart(32, "0");
        const groups = digits.match(/.{4}/g) ?? [];
        const full = groups.map((group) => (padded ? group : group.replace(/^0{1,3}/, ""))).join(":");
        expect(formatAddress(read(full))).toBe(formatAddress(a));
      }),
    );
  });

  test("never throws and never reads rubbish as an address it does not print back", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.]{0,45}$/)), (text) => {
        const parsed = parseAddress(text);
        if (parsed.ok) expect(read(formatAddress(parsed.value))).toEqual(parsed.value);
        else expect(parsed.error.hint).not.toBe("");
      }),
    );
  });

  test.each([
    // RFC 5952 sections 4.1 to 4.3
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["FD00:ABCD::", "fd00:abcd::"],
    ["::", "::"],
    ["::1", "::1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::ffff:a00:1", "10.0.0.1"],
  ])("%s is %s", (text, canonical) => {
    expect(formatAddress(read(text))).toBe(canonical);
  });

  test.each([
    "",
    "1",
    "10.0.0",
    "10.0.0.0.1",
    "10.0.0.256",
    "10.0.0.-1",
    "10.0.0.1 ",
    "10.0.0.0x1",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8:9",
    "12345::",
    ":1::2",
    "1:2:3:4:5:6:7:",
    "fe80::1%eth0",
    "1.2.3.4::",
    "::1.2.3",
  ])("%p is refused", (text) => {
    expect(parseAddress(text).ok).toBe(false);
    expect(parseAddress(text, "sloppy").ok).toBe(false);
  });

  test("leading zeros: refused strictly, decimal sloppily", () => {
    expect(parseAddress("010.0.0.01").ok).toBe(false);
    expect(formatAddress(read("010.0.0.01", "sloppy"))).toBe("10.0.0.1");
    expect(parseAddress("00fd00::1").ok).toBe(false);
    expect(formatAddress(read("00fd00::1", "sloppy"))).toBe("fd00::1");
  });
});
