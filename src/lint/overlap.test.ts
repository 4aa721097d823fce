import { describe, expect, test } from "bun:test";
import { lintText } from "./index.ts";

function overlaps(...networks: object[]): string[] {
  const items = networks.map((ipam, index) => ({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: `net${index}` },
    spec: {
      config: JSON.stringify({
        cniVersion: "1.0.0",
        name: "n",
        type: "macvlan",
        ipam: { type: "whereabouts", ...ipam },
      }),
    },
  }));
  const { issues } = lintText(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "x.json");
  for (const { code, message } of issues) {
    expect(code).toBe("overlap_without_shared_realm");
    expect(message).toContain("the attachment net");
  }
  return issues.map(({ path }) => path);
}

const second = ["items[1].spec.config: ipam.range"];

describe("overlapping ranges of two networks", () => {
  const range = "10.0.0.0/16";
  const inside = "10.0.3.0/24";

  test.each<[string, object, object, string[]]>([
    ["the common name space", { range }, { range: inside }, []],
    ["one name", { range, network_name: "a" }, { range: inside, network_name: "a" }, []],
    ["other names", { range, network_name: "a" }, { range: inside, network_name: "b" }, second],
    ["one without a name", { range }, { range: inside, network_name: "b" }, second],
    ["the same range, other names", { range, network_name: "a" }, { range, network_name: "b" }, second],
    ["without the check", { range, enable_overlapping_ranges: false }, { range: inside }, second],
    [
      "without the check, but one pool",
      { range, enable_overlapping_ranges: false },
      { range, enable_overlapping_ranges: false },
      [],
    ],
    ["apart", { range }, { range: "10.1.0.0/24", network_name: "b" }, []],
    ["apart by bounds", { range, range_end: "10.0.2.255" }, { range: inside, network_name: "b" }, []],
    ["apart by exclude", { range, exclude: [inside] }, { range: inside, network_name: "b" }, []],
    ["other families", { range: "::/96" }, { range: "0.0.0.0/8", network_name: "b" }, []],
    [
      "in a list",
      { range },
      { ipRanges: [{ range: "fd00::/64" }, { range: inside }], network_name: "b" },
      ["items[1].spec.config: ipam.ipRanges[1].range"],
    ],
  ])("%s", (_, a, b, expected) => {
    expect(overlaps(a, b)).toEqual(expected);
  });

  test("is told once for each range", () => {
    const named = (name: string) => ({ range, network_name: name });
    expect(overlaps(named("a"), named("b"), named("c"))).toEqual([
      ...second,
      "items[2].spec.config: ipam.range",
    ]);
  });
});
