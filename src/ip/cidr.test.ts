import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf, formatAddress, parseAddress } from "./address.ts";
import { contains, formatCidr, lastOf, networkOf, parseCidr, parseInterfaceAddress } from "./cidr.ts";
import { parseRange } from "./range.ts";

const cidr = fc.oneof(
  fc
    .tuple(fc.bigInt(0n, (1n << 32n) - 1n), fc.nat(32))
    .map(([value, prefix]) => networkOf(addressOf(4, value), prefix)),
  fc
    .tuple(fc.bigInt(1n << 120n, (1n << 128n) - 1n), fc.integer({ min: 8, max: 128 }))
    .map(([value, prefix]) => networkOf(addressOf(6, value), prefix)),
);

describe("CIDR", () => {
  test("round trip, and the bounds are inside while their neighbours are not", () => {
    fc.assert(
      fc.property(cidr, (c) => {
        expect(parseCidr(formatCidr(c))).toEqual({ ok: true, value: c });
        expect(contains(c, addressOf(c.family, c.base))).toBe(true);
        expect(contains(c, addressOf(c.family, lastOf(c)))).toBe(true);
        if (c.base > 0n) expect(contains(c, addressOf(c.family, c.base - 1n))).toBe(false);
      }),
    );
  });

  test("host bits are dropped for a network and kept for an interface", () => {
    const network = parseCidr("192.168.2.225/28");
    expect(network.ok && formatCidr(network.value)).toBe("192.168.2.224/28");
    const host = parseInterfaceAddress("3ffe:ffff:0:01ff::1/64");
    expect(host.ok && formatAddress(host.value.address)).toBe("3ffe:ffff:0:1ff::1");
  });

  test("an IPv4-mapped network counts its prefix in 128 bits", () => {
    const network = parseCidr("::ffff:10.0.0.0/120");
    expect(network.ok && formatCidr(network.value)).toBe("10.0.0.0/24");
    expect(parseCidr("::ffff:10.0.0.0/24").ok).toBe(false);
  });

  test.each([
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "::/129",
    "10.0.0.0/8/8",
    "/8",
    "x/8",
  ])("%p is refused with a hint", (text) => {
    const parsed = parseCidr(text);
    expect(!parsed.ok && parsed.error.hint.length > 0).toBe(true);
  });
});

describe("ranges", () => {
  function bounds(text: string): string {
    const range = parseRange(text);
    if (!range.ok) return range.error.code;
    const { network, first, last } = range.value;
    const show = (value: bigint) => formatAddress(addressOf(network.family, value));
    return `${show(first)}-${show(last)} of ${formatCidr(network)}`;
  }

  test.each([
    ["10.0.0.0/24", "10.0.0.1-10.0.0.254 of 10.0.0.0/24"],
    ["10.0.0.7/24", "10.0.0.1-10.0.0.254 of 10.0.0.0/24"],
    ["10.0.0.0/30", "10.0.0.1-10.0.0.2 of 10.0.0.0/30"],
    ["010.0.0.0/24", "10.0.0.1-10.0.0.254 of 10.0.0.0/24"],
    ["10.4.0.20-10.4.0.21/24", "10.4.0.20-10.4.0.21 of 10.4.0.0/24"],
    ["10.4.0.0-10.4.0.255/24", "10.4.0.1-10.4.0.254 of 10.4.0.0/24"],
    ["fd00:1::10-fd00:1::20/112", "fd00:1::10-fd00:1::20 of fd00:1::/112"],
    ["fd00::/64", "fd00::1-fd00::ffff:ffff:ffff:fffe of fd00::/64"],
    ["10.0.0.0/31", "range_too_small"],
    ["10.0.0.0/32", "range_too_small"],
    ["fd00::/127", "range_too_small"],
    ["fd00::/128", "range_too_small"],
    ["10.4.0.0-10.4.0.0/24", "range_too_small"],
    ["10.4.0.30-10.4.0.20/24", "range_reversed"],
    ["10.5.0.20-10.4.0.30/24", "invalid_range"],
    ["10.4.0.20-10.4.0.30", "invalid_cidr"],
    ["10.4.0.20-fd00::1/64", "invalid_range"],
    ["banana", "invalid_cidr"],
  ])("%s is %s", (text, expected) => {
    expect(bounds(text)).toBe(expected);
  });

  test("every range has only host addresses of its network", () => {
    fc.assert(
      fc.property(cidr, (c) => {
        const range = parseRange(formatCidr(c));
        if (!range.ok) return;
        const last = parseAddress(formatAddress(addressOf(c.family, range.value.last)));
        expect(last.ok && contains(c, last.value)).toBe(true);
        expect(range.value.first).toBe(c.base + 1n);
        expect(range.value.last).toBe(lastOf(c) - 1n);
      }),
    );
  });
});
