import { describe, expect, test } from "bun:test";
import { cniCodeOf, flatFileCandidates, readStoreChoice, readWhereabouts } from "./index.ts";

describe("the choice of the store", () => {
  test.each<[string, object, unknown]>([
    ["kubernetes", { kubernetes: { kubeconfig: "/k" } }, { kind: "kubernetes", kubeconfig: "/k" }],
    [
      "with a context",
      { kubernetes: { kubeconfig: "/k", context: "c" } },
      { kind: "kubernetes", kubeconfig: "/k", context: "c" },
    ],
    ["sqlite", { datastore: "sqlite" }, { kind: "sqlite", path: "/var/lib/berth/ipam.db" }],
    ["sqlite elsewhere", { datastore: "sqlite", database: "/d" }, { kind: "sqlite", path: "/d" }],
    [
      "a broken range does not matter",
      { datastore: "sqlite", range: 5, type: "x", exclude: ["banana"] },
      { kind: "sqlite", path: "/var/lib/berth/ipam.db" },
    ],
    [
      "etcd",
      { datastore: "etcd", kubernetes: { kubeconfig: "/k" } },
      { kind: "kubernetes", kubeconfig: "/k" },
    ],
  ])("%s", (_, ipam, expected) => {
    expect(readStoreChoice(ipam).config).toEqual(expected as never);
  });

  test.each<[string, object, string, number]>([
    ["none", {}, "no_store ipam.kubernetes.kubeconfig", 999],
    ["empty", { kubernetes: { kubeconfig: "" } }, "no_store ipam.kubernetes.kubeconfig", 999],
    ["a slip", { datastore: "sqllite" }, "unknown_datastore ipam.datastore", 7],
    ["relative", { datastore: "sqlite", database: "d" }, "path_not_absolute ipam.database", 7],
    ["a wrong type", { datastore: 5, kubernetes: { kubeconfig: "/k" } }, "invalid_type ipam.datastore", 999],
  ])("%s is refused", (_, ipam, expected, cni) => {
    const { issues } = readStoreChoice(ipam);
    expect(issues.map(({ code, path }) => `${code} ${path}`)).toEqual([expected]);
    expect(cniCodeOf(issues)).toBe(cni);
  });

  test("texts", () => {
    const hint = readStoreChoice({}).issues[0]?.hint;
    expect(hint).toContain("kubernetes.kubeconfig");
    expect(hint).toContain('"datastore": "sqlite"');
    expect(readStoreChoice({ datastore: "sqllite" }).issues[0]?.hint).toContain('did you mean "sqlite"?');
    const ignored = readStoreChoice({ database: "/d", datastore: "etcd", kubernetes: { kubeconfig: "/k" } });
    expect(ignored.issues.map(({ code, path }) => `${code} ${path}`)).toEqual([
      "ignored_key ipam.datastore",
      "ignored_key ipam.database",
    ]);
  });
});

describe("the flat file", () => {
  const path = "/etc/cni/net.d/whereabouts.d/whereabouts.conf";
  const ipam = { type: "whereabouts" };

  test("is looked for in upstream's order", () => {
    expect(flatFileCandidates(undefined)[0]).toBe("/etc/kubernetes/cni/net.d/whereabouts.d/whereabouts.conf");
    expect(flatFileCandidates("")).toHaveLength(3);
    expect(flatFileCandidates("/etc/wb.d/").slice(0, 2)).toEqual([
      "/etc/wb.d/",
      "/etc/wb.d/whereabouts.conf",
    ]);
  });

  test("fills what is zero, object by object, and nothing else", () => {
    const content = {
      datastore: "kubernetes",
      kubernetes: { kubeconfig: "/flat", context: "flat" },
      range: "10.77.0.0/24",
      gateway: "10.78.0.254",
      log_level: "error",
      network_name: "flat",
      dns: { domain: "flat", search: ["flat"] },
      enable_overlapping_ranges: false,
    };
    const own = {
      ...ipam,
      range: "10.78.0.0/24",
      network_name: "",
      kubernetes: { kubeconfig: "/own" },
      dns: { domain: "own" },
    };
    const { config, issues } = readWhereabouts(own, { path, content });
    expect(issues).toEqual([]);
    expect(config).toMatchObject({
      store: { kind: "kubernetes", kubeconfig: "/own", context: "flat" },
      networkName: "flat",
      log: { level: "error" },
      dns: { domain: "own", search: ["flat"] },
      overlapCheck: true,
    });
    expect(config?.ranges.map(({ range }) => range.network.base)).toEqual([0x0a4e0000n]);
    expect(config?.ranges[0]?.path).toBe("ipam");
  });

  test("has paths of its own", () => {
    const content = {
      kubernetes: { kubeconfig: "/k" },
      range: "x",
      Gateway: "y",
      ipRanges: [{ range: "10.0.0.0/31" }],
      foo: 1,
    };
    const { issues } = readWhereabouts(ipam, { path, content });
    expect(issues.map((issue) => `${issue.code} ${issue.path}`)).toEqual([
      `key_case ${path}: Gateway`,
      `unknown_key ${path}: foo`,
      `invalid_address ${path}: gateway`,
      `invalid_cidr ${path}: range`,
      `range_too_small ${path}: ipRanges[0].range`,
    ]);
    const legacy = readWhereabouts(ipam, { path, content: { datastore: "sqlite", range: "10.0.0.0/24" } });
    expect(legacy.config?.ranges[0]?.path).toBe(path);
  });

  test("that is no object is refused", () => {
    const { issues } = readWhereabouts(ipam, { path, content: [] });
    expect(issues.map((issue) => `${issue.code} ${issue.path}`)).toContain(`invalid_type ${path}`);
  });
});

describe("in a pod with a service account", () => {
  const IPAM = { type: "whereabouts", range: "10.0.0.0/24" };

  test.each([
    ["no store is named", {}],
    [
      "a kubeconfig is",
      { kubernetes: { kubeconfig: "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig" } },
    ],
  ])("that is used where %s", (_what, more) => {
    const { config, issues } = readWhereabouts({ ...IPAM, ...more }, undefined, true);
    expect(issues).toEqual([]);
    expect(config?.store).toEqual({ kind: "kubernetes", kubeconfig: "" });
    expect(readStoreChoice({ ...IPAM, ...more }, undefined, true).config).toEqual({
      kind: "kubernetes",
      kubeconfig: "",
    });
  });

  test("sqlite stays sqlite", () => {
    const ipam = { ...IPAM, datastore: "sqlite", database: "/x.db" };
    expect(readWhereabouts(ipam, undefined, true).config?.store).toEqual({ kind: "sqlite", path: "/x.db" });
  });
});
