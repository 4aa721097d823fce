import { describe, expect, test } from "bun:test";
import { addressOf, formatAddress } from "../ip/address.ts";
import { readWhereabouts } from "./index.ts";

const base = { type: "whereabouts", kubernetes: { kubeconfig: "/k" } };

/** The issues if there are any, else what each range hands out. */
function outcome(ipam: object): string[] {
  const { config, issues } = readWhereabouts({ ...base, ...ipam });
  if (issues.length > 0) return issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
  return (config?.ranges ?? []).map(({ range, free }) => {
    const show = (value: bigint) => formatAddress(addressOf(range.network.family, value));
    return free.map(({ first, last }) => `${show(first)}-${show(last)}`).join(" ");
  });
}

describe("ranges of whereabouts", () => {
  test.each<[string, object, string[]]>([
    ["none", {}, []],
    ["an empty list", { ipRanges: [] }, []],
    ["one", { range: "10.0.0.0/24" }, ["10.0.0.1-10.0.0.254"]],
    [
      "the legacy one comes first",
      { ipRanges: [{ range: "10.2.0.0/24" }], range: "10.1.0.0/24" },
      ["10.1.0.1-10.1.0.254", "10.2.0.1-10.2.0.254"],
    ],
    ["first and last", { range: "10.0.0.5-10.0.0.9/24" }, ["10.0.0.5-10.0.0.9"]],
    [
      "bounds",
      { range: "10.0.0.0/24", range_start: "10.0.0.5", range_end: "10.0.0.9" },
      ["10.0.0.5-10.0.0.9"],
    ],
    [
      "bounds narrow further",
      { range: "10.0.0.5-10.0.0.9/24", range_start: "10.0.0.7", range_end: "10.0.0.99" },
      ["10.0.0.7-10.0.0.9"],
    ],
    [
      "bounds on the edges",
      { range: "10.0.0.0/24", range_start: "10.0.0.0", range_end: "10.0.0.255" },
      ["10.0.0.1-10.0.0.254"],
    ],
    ["sloppy bounds", { range: "010.0.0.0/24", range_start: "10.0.0.050" }, ["10.0.0.50-10.0.0.254"]],
    [
      "IPv6 uses the whole range",
      { range: "fd00::/48", range_start: "fd00:0:0:ffff:ffff:ffff:ffff:fff0" },
      ["fd00::ffff:ffff:ffff:ffff:fff0-fd00::ffff:ffff:ffff:ffff:fffe"],
    ],
    [
      "empty texts are absent",
      { range: "10.0.0.0/24", range_start: "", range_end: "", gateway: "" },
      ["10.0.0.1-10.0.0.254"],
    ],

    ["bad CIDR", { range: "10.0.0.0/33" }, ["error invalid_cidr ipam.range"]],
    ["too small", { range: "10.0.0.0/31" }, ["error range_too_small ipam.range"]],
    ["first outside", { range: "10.5.0.20-10.4.0.30/24" }, ["error invalid_range ipam.range"]],
    ["last before first", { range: "10.4.0.30-10.4.0.20/24" }, ["error range_reversed ipam.range"]],
    ["only the network address", { range: "10.4.0.0-10.4.0.0/24" }, ["error bounds_empty ipam.range"]],
    [
      "unreadable bound",
      { range: "10.0.0.0/24", range_start: "x" },
      ["error invalid_bound ipam.range_start"],
    ],
    ["outside", { range: "10.0.0.0/24", range_end: "10.0.1.5" }, ["error bound_outside ipam.range_end"]],
    ["other family", { range: "10.0.0.0/24", range_end: "fd00::5" }, ["error bound_outside ipam.range_end"]],
    [
      "reversed",
      { range: "10.0.0.0/24", range_start: "10.0.0.9", range_end: "10.0.0.5" },
      ["error range_reversed ipam.range_end"],
    ],
    [
      "only broadcast left",
      { range: "10.0.0.0/24", range_start: "10.0.0.255" },
      ["error bounds_empty ipam.range_start"],
    ],
    [
      "only network left",
      { range: "10.0.0.0/24", range_end: "10.0.0.0" },
      ["error bounds_empty ipam.range_end"],
    ],
    [
      "strict in ipRanges",
      { ipRanges: [{ range: "10.0.0.0/24", range_start: "10.0.0.050" }] },
      ["error invalid_address ipam.ipRanges[0].range_start"],
    ],
    [
      "an entry without range",
      { ipRanges: [{ exclude: ["10.0.0.1"] }] },
      ["error missing_range ipam.ipRanges[0].range"],
    ],
    ["a bound without range", { range_start: "10.0.0.5" }, ["warning bound_without_range ipam.range_start"]],
    [
      "a bound in the wrong place",
      { ipRanges: [{ range: "10.0.0.0/24" }], range_end: "10.0.0.9" },
      ["warning bound_without_range ipam.range_end"],
    ],
    [
      "twice",
      { ipRanges: [{ range: "10.0.0.0/24" }, { range: "10.0.0.7/24" }] },
      ["warning duplicate_range ipam.ipRanges[1].range"],
    ],
  ])("%s", (_, ipam, expected) => {
    expect(outcome(ipam)).toEqual(expected);
  });
});

describe("exclude and gateway of whereabouts", () => {
  test.each<[string, object, string[]]>([
    [
      "networks and addresses",
      { range: "10.2.0.0/28", exclude: ["10.2.0.0/30", "10.2.0.4", "10.2.0.6/32"] },
      ["10.2.0.5-10.2.0.5 10.2.0.7-10.2.0.14"],
    ],
    [
      "host bits are dropped",
      { range: "192.168.2.225/28", exclude: ["192.168.2.229/30"] },
      ["192.168.2.225-192.168.2.227 192.168.2.232-192.168.2.238"],
    ],
    [
      "larger than the range",
      { range: "10.2.0.20-10.2.0.40/24", exclude: ["10.2.0.0/27"] },
      ["10.2.0.32-10.2.0.40"],
    ],
    [
      "outside the bounds",
      { range: "10.2.0.20-10.2.0.40/24", exclude: ["10.2.0.7"] },
      ["10.2.0.20-10.2.0.40"],
    ],
    ["unreadable", { range: "10.2.0.0/24", exclude: ["x"] }, ["error invalid_address ipam.exclude[0]"]],
    ["empty", { range: "10.2.0.0/24", exclude: [""] }, ["error invalid_address ipam.exclude[0]"]],
    [
      "leading zero",
      { range: "10.2.0.0/24", exclude: ["10.2.0.05"] },
      ["error invalid_address ipam.exclude[0]"],
    ],
    [
      "bad prefix",
      { range: "10.2.0.0/24", exclude: ["10.2.0.1", "10.2.0.0/33"] },
      ["error invalid_cidr ipam.exclude[1]"],
    ],
    [
      "elsewhere",
      { range: "10.2.0.0/24", exclude: ["10.3.0.0/24"] },
      ["error exclude_outside ipam.exclude[0]"],
    ],
    ["other family", { range: "10.2.0.0/24", exclude: ["::/0"] }, ["error exclude_outside ipam.exclude[0]"]],
    ["everything", { range: "10.2.1.0/29", exclude: ["10.2.1.0/24"] }, ["error range_empty ipam.exclude"]],
    [
      "nothing but the gateway",
      { range: "10.2.0.0/30", exclude: ["10.2.0.2"], gateway: "10.2.0.1" },
      ["error only_gateway_left ipam.gateway"],
    ],

    [
      "the gateway is kept",
      { range: "10.2.0.0/29", gateway: "10.2.0.3" },
      ["10.2.0.1-10.2.0.2 10.2.0.4-10.2.0.6"],
    ],
    [
      "of its family only",
      { ipRanges: [{ range: "10.2.0.0/29" }, { range: "fd00::/125" }], gateway: "fd00::1" },
      ["10.2.0.1-10.2.0.6", "fd00::2-fd00::6"],
    ],
    ["bad gateway", { range: "10.2.0.0/29", gateway: "nope" }, ["error invalid_address ipam.gateway"]],
    [
      "no range of its family",
      { range: "fd00::/64", gateway: "10.2.0.1" },
      ["error gateway_without_range ipam.gateway"],
    ],
    [
      "an address of its family will do",
      { addresses: [{ address: "10.2.0.7/24" }], gateway: "10.2.0.1" },
      [],
    ],
    ["in no range", { range: "10.2.0.0/29", gateway: "10.9.0.1" }, ["warning gateway_outside ipam.gateway"]],
    [
      "follow-up errors are not told",
      { range: "10.2.0.0/99", gateway: "fd00::1" },
      ["error invalid_cidr ipam.range"],
    ],
  ])("%s", (_, ipam, expected) => {
    expect(outcome(ipam)).toEqual(expected);
  });

  test("the gateway is kept by family, and excludes as written", () => {
    const { config } = readWhereabouts({
      ...base,
      range: "10.2.0.0/28",
      exclude: ["10.2.0.0/24"],
      gateway: "10.2.0.1",
    });
    expect(config).toBeUndefined();
    const { config: good } = readWhereabouts({
      ...base,
      range: "10.2.0.0/24",
      exclude: ["10.2.0.8/29"],
      gateway: "010.2.0.1",
    });
    expect(Object.keys(good?.gateways ?? {})).toEqual(["4"]);
    expect(good?.ranges[0]?.exclude).toEqual([{ first: 0x0a020008n, last: 0x0a02000fn }]);
    expect(good?.ranges[0]?.path).toBe("ipam");
  });
});

describe("other fields of whereabouts", () => {
  test.each<[string, object, string[]]>([
    ["wrong type", { type: "Whereabouts" }, ["error wrong_plugin ipam.type"]],
    ["long name", { network_name: "x".repeat(254) }, ["error invalid_network_name ipam.network_name"]],
    ["control character", { network_name: "a\nb" }, ["error invalid_network_name ipam.network_name"]],
    ["any other name", { network_name: "Blue_Net é" }, []],
    ["slice size", { node_slice_size: "/0" }, ["error invalid_slice_size ipam.node_slice_size"]],
    ["slice size 129", { node_slice_size: "129" }, ["error invalid_slice_size ipam.node_slice_size"]],
    ["slice size in words", { node_slice_size: "24/" }, ["error invalid_slice_size ipam.node_slice_size"]],
    ["slice size as number", { node_slice_size: 24 }, ["error invalid_type ipam.node_slice_size"]],
    ["log level", { log_level: "trace" }, ["warning unknown_log_level ipam.log_level"]],
    [
      "without effect",
      {
        leader_lease_duration: 1500,
        leader_renew_deadline: 1000,
        leader_retry_period: 500,
        sleep_for_race: 1,
        etcd_host: "x",
      },
      [],
    ],
    ["sloppy addresses", { addresses: [{ address: "010.0.0.1/24" }] }, []],
    [
      "their gateways strict",
      { addresses: [{ address: "10.0.0.1/24", gateway: "010.0.0.2" }] },
      ["error invalid_address ipam.addresses[0].gateway"],
    ],
  ])("%s", (_, ipam, expected) => {
    expect(outcome(ipam)).toEqual(expected);
  });

  test("defaults, and everything set", () => {
    expect(readWhereabouts(base).config).toEqual({
      ranges: [],
      addresses: [],
      gateways: {},
      routes: [],
      dns: {},
      networkName: "",
      overlapCheck: true,
      store: { kind: "kubernetes", kubeconfig: "/k" },
      log: { level: "verbose" },
    });
    const all = {
      ...base,
      network_name: "n",
      enable_overlapping_ranges: false,
      node_slice_size: "/24",
      log_file: "/log",
      log_level: "DEBUG",
      configuration_path: "/c",
      reconciler_cron_expression: "30 4 * * *",
    };
    expect(readWhereabouts(all).config).toMatchObject({
      networkName: "n",
      overlapCheck: false,
      log: { file: "/log", level: "debug" },
      configurationPath: "/c",
      reconcilerCron: "30 4 * * *",
    });
  });
});
