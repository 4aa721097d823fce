import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Claim } from "../allocation/claim.ts";
import { addressOf } from "../ip/address.ts";
import { type Cidr, parseCidr } from "../ip/cidr.ts";
import { type BlockCell, mapOf } from "./map.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error.hint);
  return parsed.value;
}

function claimsIn(range: Cidr, offsets: readonly bigint[]): Claim[] {
  const pool = { networkName: "", range };
  const sorted = [...new Set(offsets)].sort((a, b) => (a < b ? -1 : 1));
  return sorted.map((offset) => ({
    pool,
    address: addressOf(range.family, range.base + offset),
    overlapCheck: true,
    owner: { pod: { namespace: "default", name: `p${offset}` }, ifname: "net1", sandbox: "s" },
    node: "n",
    network: "net",
    slot: 0,
    since: 0,
  }));
}

function map(range: string, offsets: readonly bigint[], block?: string) {
  const whole = cidr(range);
  return mapOf({
    pool: { networkName: "", range: whole },
    claims: claimsIn(whole, offsets),
    isGone: () => false,
    now: 0,
    ...(block !== undefined && { block: cidr(block) }),
  });
}

describe("mapOf", () => {
  test("a small pool shows each address", () => {
    const { cells, kind, path } = map("10.0.0.0/29", [1n, 3n]);
    expect([kind, path]).toEqual(["addresses", ["10.0.0.0/29"]]);
    expect(cells.map((cell) => cell.state)).toEqual([
      "unusable",
      "held",
      "free",
      "held",
      "free",
      "free",
      "free",
      "unusable",
    ]);
  });

  test("what another pool that shares addresses holds is not free here", () => {
    const whole = cidr("10.0.0.0/29");
    const other = claimsIn(cidr("10.0.0.0/16"), [2n, 3n]);
    const { cells } = mapOf({
      pool: { networkName: "", range: whole },
      claims: claimsIn(whole, [3n]),
      isGone: () => false,
      elsewhere: () => other,
      now: 0,
    });
    const seen = cells.slice(1, 5).map((cell) => [cell.state, "note" in cell ? cell.note : ""]);
    expect(seen.map(([state]) => state)).toEqual(["free", "elsewhere", "held", "free"]);
    expect(seen[1]?.[1]).toEndWith("in 10.0.0.0/16");
  });

  test("a /16 shows its /24, and its addresses two steps below", () => {
    const whole = map("10.0.0.0/16", [1n, 2n, 300n]);
    expect(whole.cells).toHaveLength(256);
    expect(whole.cells.slice(0, 2)).toMatchObject([{ block: "10.0.0.0/24", used: "2" }, { used: "1" }]);
    const part = map("10.0.0.0/16", [1n, 300n], "10.0.1.0/24");
    expect(part.path).toEqual(["10.0.0.0/16", "10.0.1.0/24"]);
    expect(part.cells[44]).toEqual({ address: "10.0.1.44", state: "held", note: "default/p300 net1" });
  });

  test("a /64 opens where its addresses are, with the way back", () => {
    const { block, path, cells } = map("fd00::/64", [1n, 2n, 70_000n]);
    expect(block).toBe("fd00::/104");
    expect(path).toEqual(["fd00::/64", "fd00::/72", "fd00::/80", "fd00::/88", "fd00::/96", "fd00::/104"]);
    expect(cells).toHaveLength(256);
  });

  test("whatever the pool: few cells, and in blocks no claim is lost", () => {
    const shape = fc.record({
      prefix: fc.integer({ min: 48, max: 124 }),
      seeds: fc.array(fc.bigInt(0n, (1n << 80n) - 1n)),
    });
    fc.assert(
      fc.property(shape, ({ prefix, seeds }) => {
        const size = 1n << BigInt(128 - prefix);
        const offsets = [...new Set(seeds.map((seed) => seed % size))];
        const { cells, kind } = map(`fd00::/${prefix}`, offsets, `fd00::/${prefix}`);
        expect(cells.length).toBeLessThanOrEqual(1024);
        if (kind === "addresses") return;
        const used = (cells as readonly BlockCell[]).reduce((sum, cell) => sum + Number(cell.used), 0);
        expect(used).toBe(offsets.length);
      }),
    );
  });
});
