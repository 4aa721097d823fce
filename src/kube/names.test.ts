import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf, type Family, formatAddress, parseAddress } from "../ip/address.ts";
import { type Cidr, contains, networkOf, parseCidr } from "../ip/cidr.ts";
import { decodeName, encodeName, isLegalName, labelOf } from "./name-encoding.ts";
import {
  nameAllowsFor,
  poolName,
  poolPrefix,
  readPoolRanges,
  readReservationName,
  readSliceName,
  reservationName,
  slicePoolName,
} from "./names.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error.hint);
  return parsed.value;
}

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.error.hint);
  return parsed.value;
}

const addresses = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc
    .oneof(
      fc.bigInt({ min: 0n, max: family === 4 ? 0xffffffffn : (1n << 128n) - 1n }),
      fc.integer({ min: 0, max: family === 4 ? 24 : 120 }).map((shift) => 0xdbn << BigInt(shift)),
    )
    // An IPv4-mapped address is the IPv4 address.
    .filter((value) => family === 4 || value >> 32n !== 0xffffn)
    .map((value) => addressOf(family, value)),
);
const cidrs = addresses.chain((base) =>
  fc.integer({ min: 0, max: base.family === 4 ? 32 : 128 }).map((prefix) => networkOf(base, prefix)),
);
const texts = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: fc.constantFrom("a", "z", "-", ".", "Z", "_", "0"), maxLength: 12 }),
  fc.string({ unit: fc.constantFrom("a", "B"), minLength: 230, maxLength: 300 }),
);

describe("names that upstream makes", () => {
  test.each([
    ["", "", "10.0.0.0/24", "10.0.0.0-24"],
    ["", "", "2001:db8::/64", "2001-db8---64"],
    ["blue", "", "10.0.0.0/24", "blue-10.0.0.0-24"],
    ["", "node-b", "10.20.1.0/24", "node-b-10.20.1.0-24"],
    ["blue", "node-b", "10.20.1.0/24", "blue-node-b-10.20.1.0-24"],
    ["blue", "", "::/64", "blue----64"],
  ])("pool of network %p, node %p, range %p", (networkName, node, range, name) => {
    expect(poolName({ networkName, node, range: cidr(range) })).toBe(name);
    expect(poolPrefix(name, cidr(range))).toBe([networkName, node].filter(Boolean).join("-"));
  });

  test.each([
    ["", "10.0.0.1", "10.0.0.1"],
    ["blue", "10.0.0.1", "blue-10.0.0.1"],
    ["", "2001:db8::1", "2001-db8--1"],
    ["", "2001:db8::", "2001-db8--0"],
    ["blue", "::1", "blue---1"],
  ])("reservation of network %p, address %p", (networkName, text, name) => {
    expect(reservationName(networkName, address(text))).toBe(name);
  });
});

describe("names that upstream's API server refuses", () => {
  test.each([
    ["::/64", ""],
    ["10.0.0.0/24", "example_net_common"],
    ["10.0.0.0/24", "Blue"],
    ["10.0.0.0/24", "-x"],
    ["10.0.0.0/24", "x".repeat(300)],
  ])("range %p of network %p gets a legal one", (range, networkName) => {
    expect(isLegalName(poolName({ networkName, range: cidr(range) }))).toBeTrue();
  });

  test("the address :: and the address ::1", () => {
    expect(isLegalName(reservationName("", address("::")))).toBeTrue();
    expect(isLegalName(reservationName("", address("::1")))).toBeTrue();
  });

  test("a digest is not read back", () => {
    expect(decodeName(encodeName("X".repeat(300)))).toBeUndefined();
  });
});

describe("properties", () => {
  test("every text gets a legal name, which is read back unless it is a digest", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const name = encodeName(text);
        expect(isLegalName(name)).toBeTrue();
        if (!name.endsWith(".zz"))
          expect(decodeName(name)).toBe(text.isWellFormed() ? text : text.toWellFormed());
      }),
      { numRuns: 2000 },
    );
  });

  test("two texts never get one name", () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        expect(encodeName(a) === encodeName(b)).toBe(a.toWellFormed() === b.toWellFormed());
        expect(encodeName(encodeName(a)) === encodeName(b)).toBe(encodeName(a) === b.toWellFormed());
      }),
      { numRuns: 2000 },
    );
  });

  test("legal names of pools and reservations stay as they are", () => {
    const labels = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\.[a-z0-9]{1,4})?$/);
    fc.assert(
      fc.property(labels, cidrs, addresses, (networkName, range, ip) => {
        expect(poolName({ networkName, range })).toStartWith(`${networkName}-`);
        expect(reservationName(networkName, ip)).toStartWith(`${networkName}-`);
        if (!/\.zz?$/.test(networkName)) expect(slicePoolName(networkName)).toBe(networkName);
      }),
    );
  });

  test("the name of a pool and its range give back what stands before it", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), cidrs, (networkName, range) => {
        expect(poolPrefix(poolName({ networkName, range }), range)).toBe(networkName.toWellFormed());
      }),
      { numRuns: 1000 },
    );
  });

  test("one of the ranges that the name of a pool may mean is its own, unless it is a digest", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), cidrs, (networkName, range) => {
        const name = poolName({ networkName, range });
        if (decodeName(name) === undefined) expect(readPoolRanges(name)).toEqual([]);
        else expect(readPoolRanges(name)).toContainEqual(range);
      }),
    );
    expect(readPoolRanges("blue-10.0.0.0-24")).toEqual([cidr("10.0.0.0/24")]);
    expect(readPoolRanges("some-name-7")).toEqual([]);
  });

  test("the name of a pool allows for the addresses of every range that it may mean, and for no others", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), cidrs, addresses, (networkName, range, other) => {
        const name = poolName({ networkName, range });
        expect(nameAllowsFor(name, addressOf(range.family, range.base))).toBe(true);
        const ranges = readPoolRanges(name);
        const may = ranges.length === 0 || ranges.some((each) => contains(each, other));
        expect(nameAllowsFor(name, other)).toBe(may);
      }),
      { numRuns: 1000 },
    );
    const [inside, outside] = [address("10.1.0.9"), address("10.2.0.9")];
    for (const name of ["10.1.0.0-16", "blue-10.1.0.0-16", "blue-node-1-10.1.0.0-16", "some-name-7"]) {
      expect(nameAllowsFor(name, inside)).toBe(true);
      expect(nameAllowsFor(name, outside)).toBe(name === "some-name-7");
    }
  });

  test("one reading of a reservation is what it was made of", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), addresses, (networkName, ip) => {
        const readings = readReservationName(reservationName(networkName, ip));
        const same = readings.filter(
          (reading) =>
            reading.networkName === networkName && formatAddress(reading.address) === formatAddress(ip),
        );
        expect(same).toHaveLength(1);
        if (ip.family === 4) expect(readings).toHaveLength(1);
      }),
      { numRuns: 2000 },
    );
  });
});

test("the label of a node is its name where that may be one, and legal in any case", () => {
  expect(labelOf("node-1.example.com")).toBe("node-1.example.com");
  const long = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,200}[a-z0-9])?$/);
  fc.assert(
    fc.property(fc.oneof(long, fc.string()), (node) => {
      const label = labelOf(node);
      expect(label).toMatch(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
      expect(label === node).toBe(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(node));
    }),
  );
  expect(labelOf(`${"a".repeat(70)}b`)).not.toBe(labelOf(`${"a".repeat(70)}c`));
});

test("whoever knows the node reads the name of its slice's pool", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), cidrs, (networkName, range) => {
      const node = "node-1";
      const name = poolName({ networkName, node, range });
      if (decodeName(name) !== undefined)
        expect(readSliceName(name, node, range)).toEqual({ networkName, node, range });
    }),
  );
  expect(readSliceName("other-10.0.0.0-28", "node-1", cidr("10.0.0.0/28"))).toBeUndefined();
});
