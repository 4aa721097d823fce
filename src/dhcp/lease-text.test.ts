import { expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf } from "../ip/address.ts";
import type { Lease } from "./lease.ts";
import { leaseFromJson, leaseToJson, shiftLease } from "./lease-text.ts";

const v4 = fc.nat({ max: 0xffff_ffff }).map((value) => addressOf(4, BigInt(value)));
const v6 = fc.bigInt(1n << 64n, (1n << 128n) - 1n).map((value) => addressOf(6, value));
const text = fc.string({ maxLength: 20 });
const time = fc.integer({ min: -(2 ** 40), max: 2 ** 42 });
const number = fc.nat();
/** Fields that may be absent, never undefined. */
const optional = { requiredKeys: [] };

const lease: fc.Arbitrary<Lease> = fc.constantFrom(4 as const, 6 as const).chain((family) => {
  const address = family === 4 ? v4 : v6;
  const withPrefix = fc.record({ address, prefix: fc.nat({ max: family === 4 ? 32 : 128 }) });
  const route = fc.record(
    { dst: withPrefix, gw: address, scope: number, mtu: number },
    { requiredKeys: ["dst"] },
  );
  const times = fc.record(
    { obtainedAt: time, renewAt: time, rebindAt: time, preferredUntil: time, expiresAt: time },
    { requiredKeys: ["obtainedAt"] },
  );
  return fc.record(
    {
      family: fc.constant(family),
      address: withPrefix,
      server: address,
      serverDuid: text,
      gateway: address,
      routes: fc.array(route, { maxLength: 4 }),
      dns: fc.record({ nameservers: fc.array(text), domain: text, search: fc.array(text) }, optional),
      ntp: fc.array(address, { maxLength: 3 }),
      mtu: number,
      delegated: fc.array(fc.record({ prefix: withPrefix, expiresAt: time }, { requiredKeys: ["prefix"] }), {
        maxLength: 2,
      }),
      times,
      options: fc.dictionary(fc.nat({ max: 300 }).map(String), text, { noNullPrototype: true }),
    },
    {
      requiredKeys: ["family", "address", "server", "routes", "dns", "ntp", "delegated", "times", "options"],
    },
  );
});

test("every lease survives a round trip", () => {
  fc.assert(
    fc.property(lease, (one) => {
      expect(leaseFromJson(leaseToJson(one))).toEqual({ ok: true, value: one });
    }),
  );
});

test("the text has addresses as people write them", () => {
  const one: Lease = {
    family: 4,
    address: { address: addressOf(4, 0xc000020an), prefix: 24 },
    server: addressOf(4, 0xc0000201n),
    routes: [{ dst: { address: addressOf(4, 0n), prefix: 0 }, gw: addressOf(4, 0xc0000201n) }],
    dns: {},
    ntp: [],
    delegated: [],
    times: { obtainedAt: 0 },
    options: {},
  };
  expect(leaseToJson(one)).toBe(
    '{"family":4,"address":"192.0.2.10/24","server":"192.0.2.1","routes":[{"dst":"0.0.0.0/0","gw":"192.0.2.1"}],' +
      '"dns":{},"ntp":[],"delegated":[],"times":{"obtainedAt":0},"options":{}}',
  );
});

test("a shift and its opposite leave a lease as it was", () => {
  fc.assert(
    fc.property(lease, fc.integer({ min: -(2 ** 41), max: 2 ** 41 }), (one, by) => {
      expect(shiftLease(shiftLease(one, by), -by)).toEqual(one);
      expect(shiftLease(one, by).times.obtainedAt).toBe(one.times.obtainedAt + by);
    }),
  );
});

test("a damaged record is refused with where and why; nothing throws", () => {
  const hint = (json: string) => {
    const read = leaseFromJson(json);
    return read.ok ? "accepted" : read.error.hint;
  };
  expect(hint("{")).toBe("not JSON");
  expect(hint('{"family":4,"address":"192.0.2.300/24"}')).toBe("address: 300 is above 255");
  expect(hint("null")).not.toBe("accepted");
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(hint(json)).not.toBe("accepted");
    }),
  );
});
