import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readDhcp, readStatic, readStoreChoice, readWhereabouts } from "./index.ts";
import { whereaboutsIpam } from "./schema/whereabouts.ts";

const base = { type: "whereabouts", datastore: "sqlite" };

/** severity code path, one text an issue. */
function issuesOf(ipam: unknown): string[] {
  return readWhereabouts(ipam).issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

describe("the shape of ipam", () => {
  test.each<[string, unknown, string[]]>([
    ["absent", undefined, ["error missing_ipam ipam"]],
    ["null", null, ["error missing_ipam ipam"]],
    ["a text", "dhcp", ["error invalid_type ipam"]],
    ["a list", [], ["error invalid_type ipam"]],
    ["an unknown key", { ...base, subnet: "10.0.0.0/8" }, ["warning unknown_key ipam.subnet"]],
    [
      "an unknown key inside",
      { ...base, ipRanges: [{ range: "10.0.0.0/8", rangeStart: "10.0.0.9" }] },
      ["warning unknown_key ipam.ipRanges[0].rangeStart"],
    ],
    [
      "a key in other case",
      { ...base, Range: "10.0.0.0/33" },
      ["warning key_case ipam.Range", "error invalid_cidr ipam.range"],
    ],
    ["both cases", { ...base, RANGE: "x", range: "10.0.0.0/8" }, ["warning key_case ipam.RANGE"]],
    ["null values", { ...base, range: null, ipRanges: null, dns: null, gateway: null }, []],
    ["null in a list", { ...base, ipRanges: [null] }, ["error missing_range ipam.ipRanges[0].range"]],
    ["a number for a text", { ...base, range: 5 }, ["error invalid_type ipam.range"]],
    [
      "a text for a flag",
      { ...base, enable_overlapping_ranges: "no" },
      ["error invalid_type ipam.enable_overlapping_ranges"],
    ],
    [
      "a fraction",
      { ...base, routes: [{ dst: "::/0", mtu: 1.5 }] },
      ["error invalid_type ipam.routes[0].mtu"],
    ],
    [
      "below zero",
      { ...base, routes: [{ dst: "::/0", mtu: -1 }] },
      ["error number_out_of_bounds ipam.routes[0].mtu"],
    ],
    ["a text for a list", { ...base, exclude: "10.0.0.0/8" }, ["error invalid_type ipam.exclude"]],
    ["what the operator writes", { ...base, capabilities: ["ips"] }, []],
    [
      "several mistakes",
      { ...base, range: 5, gateway: [], dns: { domain: 1 } },
      [
        "error invalid_type ipam.range",
        "error invalid_type ipam.gateway",
        "error invalid_type ipam.dns.domain",
      ],
    ],
    ["too many ranges", { ...base, ipRanges: new Array(1001).fill({}) }, ["error too_many ipam.ipRanges"]],
    [
      "too many excludes",
      { ...base, range: "10.0.0.0/8", exclude: new Array(10_001).fill("") },
      ["error too_many ipam.exclude"],
    ],
  ])("%s", (_, ipam, expected) => {
    expect(issuesOf(ipam)).toEqual(expected);
  });

  test("a key in other case is used, and an exact one wins over it, unless it is null", () => {
    const read = (ipam: object) => readWhereabouts({ ...base, ...ipam }).config?.networkName;
    expect(read({ Network_Name: "a" })).toBe("a");
    expect(read({ network_name: "b", NETWORK_NAME: "a" })).toBe("b");
    expect(read({ NETWORK_NAME: "a", network_name: null })).toBe("a");
  });

  test("texts name the value and what would be right", () => {
    const [issue] = readWhereabouts({ ...base, rangeStart: "10.0.0.9" }).issues;
    expect(issue).toMatchObject({ value: "10.0.0.9", hint: 'did you mean "range_start"?' });
    const [type] = readWhereabouts({ ...base, range: 5 }).issues;
    expect(type).toMatchObject({ message: "5 has the wrong type", hint: "a text in quotes is wanted" });
  });

  test("a hundred thousand mistakes give a bounded list", () => {
    const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key${index}`, 1]));
    expect(readWhereabouts({ ...base, ...keys }).issues.length).toBeLessThan(500);
  });
});

describe("any JSON at all", () => {
  // Known keys with rubbish in them get deeper than rubbish alone.
  const keys = fc.constantFrom(
    ...Object.keys(whereaboutsIpam.entries),
    "provide",
    "option",
    "address",
    "dst",
  );
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom("10.0.0.0/24", "::/64", "10.0.0.1", "whereabouts", "/24", "sqlite"),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.constantFrom(null, true, 0, -1, 1.5, 24, 2 ** 53),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 8 }),
    ),
  }));
  const json = fc.oneof(fc.jsonValue(), tree);

  test("is read or refused, never thrown at", () => {
    fc.assert(
      fc.property(json, fc.option(json, { nil: undefined }), (ipam, content) => {
        const flat = content === undefined ? undefined : { path: "/f", content };
        const all = [
          readStatic(ipam),
          readDhcp(ipam),
          readWhereabouts(ipam, flat),
          readStoreChoice(ipam, flat),
        ];
        for (const { config, issues } of all) {
          expect(config === undefined).toBe(issues.some(({ severity }) => severity === "error"));
          for (const { message, hint } of issues) expect(message.length * hint.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
