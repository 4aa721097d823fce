import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf, type Family, formatAddress } from "../ip/address.ts";
import { contains, formatCidr, lastOf, networkOf } from "../ip/cidr.ts";
import { readWhereabouts } from "./index.ts";

const FD00 = 0xfdn << 120n;

/** A small network, so that every address of it can be looked at, with excludes and a gateway in or near it. */
const scenario = fc
  .record({
    family: fc.constantFrom<Family>(4, 6),
    at: fc.nat(2 ** 20),
    hostBits: fc.integer({ min: 2, max: 7 }),
  })
  .chain(({ family, at, hostBits }) => {
    const bits = family === 4 ? 32 : 128;
    const start = (family === 4 ? 0x0a00_0000n : FD00) + BigInt(at) * 128n;
    const network = networkOf(addressOf(family, start), bits - hostBits);
    const near = fc
      .integer({ min: 0, max: 2 ** hostBits - 1 })
      .map((offset) => addressOf(family, network.base + BigInt(offset)));
    const hole = fc
      .tuple(near, fc.integer({ min: bits - hostBits - 1, max: bits }))
      .map(([a, prefix]) => networkOf(a, prefix));
    return fc.record({
      network: fc.constant(network),
      excluded: fc.array(hole, { maxLength: 4 }),
      gateway: fc.option(near, { nil: undefined }),
      start: fc.option(near, { nil: undefined }),
      end: fc.option(near, { nil: undefined }),
    });
  });

describe("what a range hands out", () => {
  test("just the host addresses between the bounds that are neither excluded nor the gateway", () => {
    let read = 0;
    fc.assert(
      fc.property(scenario, ({ network, excluded, gateway, start, end }) => {
        const { config } = readWhereabouts({
          type: "whereabouts",
          datastore: "sqlite",
          range: formatCidr(network),
          exclude: excluded.map(formatCidr),
          ...(gateway && { gateway: formatAddress(gateway) }),
          ...(start && { range_start: formatAddress(start) }),
          ...(end && { range_end: formatAddress(end) }),
        });
        const expected: bigint[] = [];
        for (let value = network.base + 1n; value < lastOf(network); value++) {
          const address = addressOf(network.family, value);
          const isOut = excluded.some((hole) => contains(hole, address)) || gateway?.value === value;
          if (!isOut && value >= (start?.value ?? value) && value <= (end?.value ?? value))
            expected.push(value);
        }
        const free = config?.ranges[0]?.free ?? [];
        const got = free.flatMap(({ first, last }) =>
          Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i)),
        );
        expect(got).toEqual(expected);
        expect(config === undefined).toBe(expected.length === 0);
        if (config) read++;
      }),
      { numRuns: 1000 },
    );
    expect(read).toBeGreaterThan(200);
  });
});
