import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress } from "../../ip/address.ts";
import { formatInterfaceAddress } from "../../ip/cidr.ts";
import { bytesOf32 } from "../bytes.ts";
import { classlessRoutes } from "../testing/answers.ts";
import { OPTION } from "./index.ts";
import {
  readAddress,
  readAddresses,
  readClasslessRoutes,
  readMtu,
  readPrefix,
  readSeconds,
  readStaticRoutes,
  readText,
} from "./options.ts";

function one(code: number, ...bytes: number[]): Map<number, Uint8Array> {
  return new Map([[code, Uint8Array.from(bytes)]]);
}

function shown(routes: ReturnType<typeof readClasslessRoutes>): string[] | undefined {
  return routes?.map(({ dst, gw, scope }) => {
    const via = gw ? ` via ${formatAddress(gw)}` : "";
    return `${formatInterfaceAddress(dst)}${via}${scope === undefined ? "" : ` scope ${scope}`}`;
  });
}

describe("classless routes (RFC 3442)", () => {
  const read = (bytes: Uint8Array) =>
    shown(readClasslessRoutes(new Map([[OPTION.classlessRoutes, bytes]]), OPTION.classlessRoutes));

  test("every width has its number of bytes; a router of 0.0.0.0 is the link", () => {
    const bytes = classlessRoutes(
      ["0.0.0.0", 0, "192.0.2.1"],
      ["10.0.0.0", 8, "192.0.2.1"],
      ["10.17.0.0", 16, "192.0.2.1"],
      ["10.229.0.128", 25, "192.0.2.1"],
      ["10.198.122.47", 32, "0.0.0.0"],
    );
    expect(read(bytes)).toEqual([
      "0.0.0.0/0 via 192.0.2.1",
      "10.0.0.0/8 via 192.0.2.1",
      "10.17.0.0/16 via 192.0.2.1",
      "10.229.0.128/25 via 192.0.2.1",
      "10.198.122.47/32 via 0.0.0.0 scope 253",
    ]);
  });

  test("host bits of a destination are dropped", () => {
    expect(read(Uint8Array.of(12, 10, 255, 192, 0, 2, 1))).toEqual(["10.240.0.0/12 via 192.0.2.1"]);
  });

  test("refuses a width beyond 32, a route that is cut, and an empty list", () => {
    expect(read(Uint8Array.of(33, 10, 0, 0, 0, 0, 192, 0, 2, 1))).toBeUndefined();
    expect(read(Uint8Array.of(24, 10, 0, 0, 192, 0, 2))).toBeUndefined();
    expect(read(new Uint8Array())).toBeUndefined();
  });

  test("never throws and takes 256 routes at most", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        expect(read(bytes)?.length ?? 0).toBeLessThanOrEqual(256);
      }),
    );
    expect(read(new Uint8Array(5 * 1000))?.length).toBe(256);
  });
});

test("static routes have the mask of their class; the default route and multicast are illegal (RFC 2132)", () => {
  const options = one(
    OPTION.staticRoutes,
    ...[10, 1, 2, 3, 192, 0, 2, 1],
    ...[172, 16, 5, 1, 192, 0, 2, 1],
    ...[198, 51, 100, 7, 192, 0, 2, 1],
    ...[0, 0, 0, 0, 192, 0, 2, 1],
    ...[224, 0, 0, 1, 192, 0, 2, 1],
  );
  expect(shown(readStaticRoutes(options))).toEqual([
    "10.0.0.0/8 via 192.0.2.1",
    "172.16.0.0/16 via 192.0.2.1",
    "198.51.100.0/24 via 192.0.2.1",
  ]);
});

test("every mask without holes is a prefix, any other none", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32 }), (prefix) => {
      const mask = (0xffff_ffff << (32 - prefix)) >>> 0;
      expect(readPrefix(new Map([[OPTION.subnetMask, bytesOf32(mask)]]))).toBe(prefix);
    }),
  );
  for (const mask of [0, 0xff00ff00, 0x00ffffff, 0x7fffffff, 1]) {
    expect(readPrefix(new Map([[OPTION.subnetMask, bytesOf32(mask)]]))).toBeUndefined();
  }
});

test("values of another length than the RFC's are no values", () => {
  expect(readAddress(one(50, 1, 2, 3), 50)).toBeUndefined();
  expect(readAddress(one(50, 1, 2, 3, 4, 5), 50)).toBeUndefined();
  expect(readAddresses(one(6, 1, 2, 3, 4, 5), 6)).toEqual([]);
  expect(readSeconds(one(51, 1, 2, 3), 51)).toBeUndefined();
  expect(readMtu(one(26, 5))).toBeUndefined();
  expect(readMtu(one(26, 0, 67))).toBeUndefined();
  expect(readMtu(one(26, 5, 220))).toBe(1500);
});

test("text comes without trailing zeros, and not at all with control characters", () => {
  expect(readText(one(56, 0x6e, 0x6f, 0, 0), 56)).toBe("no");
  expect(readText(one(56, 0x6e, 10, 0x6f), 56)).toBeUndefined();
  expect(readText(one(56, 0), 56)).toBeUndefined();
});
