import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { capacityOf } from "./capacity.ts";

describe("capacityOf", () => {
  test.each([
    ["10.0.0.0/24", {}, { addresses: 254n, pods: 254n }],
    ["10.0.0.0/16", { podsPerNode: 110 }, { addresses: 65534n, nodes: 595n }],
    ["10.0.0.0/16", { slice: 27 }, { slices: 2048n, addressesPerSlice: 30n, nodes: 2048n, pods: 61440n }],
    ["10.0.0.0/16", { slice: 27, podsPerNode: 110 }, { slicesPerNode: 4n, nodes: 512n, pods: 56320n }],
    ["10.0.0.32-10.0.0.127/24", { slice: 28 }, { slices: 6n }],
    ["10.0.0.33-10.0.0.126/24", { slice: 28 }, { slices: 6n }],
    ["10.0.0.40-10.0.0.126/24", { slice: 28 }, { slices: 5n }],
    ["fd00::/64", { slice: 80 }, { slices: 65536n, addressesPerSlice: (1n << 48n) - 2n }],
  ])("%s %o", (range, wish, expected) => {
    expect(capacityOf(range, wish)).toMatchObject({ ok: true, value: expected });
  });

  test.each([
    ["10.0.0.0/33", {}, "prefix length"],
    ["10.0.0.0/24", { slice: 16 }, "a slice here is a /24 to a /30, not a /16"],
    ["10.0.0.0/24", { slice: 31 }, "not a /31"],
  ])("%s %o is refused", (range, wish, why) => {
    const result = capacityOf(range, wish);
    expect(!result.ok && result.error).toContain(why);
  });

  test("slices and their addresses never exceed the network", () => {
    const prefix = fc.integer({ min: 8, max: 28 });
    fc.assert(
      fc.property(prefix, fc.nat(10), fc.integer({ min: 1, max: 500 }), (length, more, podsPerNode) => {
        const result = capacityOf(`10.0.0.0/${length}`, { slice: Math.min(30, length + more), podsPerNode });
        if (!result.ok) throw new Error(result.error);
        const { slices = 0n, addressesPerSlice = 0n, nodes = 0n, pods } = result.value;
        expect(slices * (addressesPerSlice + 2n)).toBe(1n << BigInt(32 - length));
        expect(pods).toBe(nodes * BigInt(podsPerNode));
        expect(pods <= slices * addressesPerSlice).toBe(true);
      }),
    );
  });
});
