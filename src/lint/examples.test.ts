import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { lintText } from "./index.ts";

const FOLDER = join(import.meta.dirname, "../../docs/examples");

function lint(name: string): string[] {
  const { issues } = lintText(readFileSync(join(FOLDER, name), "utf8"), name);
  return issues.map(
    ({ severity, code, path, line, column }) => `${line}:${column} ${severity} ${code} ${path}`,
  );
}

const EXPECTED: Record<string, string[]> = {
  "static.conf": [],
  "dhcp.conf": [],
  "dhcp-shim.yaml": [],
  "whereabouts-exclude.conf": [],
  "whereabouts-shim.yaml": [],
  "whereabouts-overlapping-1.conf": ["5:43 error json_syntax ipam.network_name"],
  "whereabouts-overlapping-2.conf": ["5:43 error json_syntax ipam.network_name"],
  "fast-ipam-attachment.yaml": [
    "5:14 error invalid_name metadata.namespace",
    "7:11 error config_not_text spec.config",
    "8:1 error yaml_syntax spec.config",
    "9:30 error json_syntax spec.config: name",
    "13:27 error json_syntax spec.config: ipam.type",
    "14:28 error json_syntax spec.config: ipam.range",
    "15:29 error json_syntax spec.config: ipam.node_slice_size",
  ],
  "fast-ipam-pod.yaml": [
    "4:9 error invalid_name metadata.name",
    '6:3 error misplaced_annotation metadata["k8s.v1.cni.cncf.io/networks"]',
    "10:73 error yaml_syntax spec.command",
  ],
  "dual-stack.yaml": [
    "1:1 error misspelt_key cniVersion",
    '3:1 error misspelt_key ["=metadata"]',
    "13:22 error json_syntax spec.additionalNetworks[0].rawCNIConfig: cniVersion",
  ],
};

describe("the examples of the documentation", () => {
  const isExample = (name: string) => /\.(conf|yaml)$/.test(name);

  test("are all listed here", () => {
    expect(Object.keys(EXPECTED).toSorted()).toEqual(readdirSync(FOLDER).filter(isExample).toSorted());
  });

  test.each(Object.entries(EXPECTED))("%s", (name, expected) => {
    expect(lint(name)).toEqual(expected);
  });

  test.each(readdirSync(join(FOLDER, "corrected")))("corrected/%s has no issue", (name) => {
    expect(Object.keys(EXPECTED)).toContain(name);
    expect(lint(`corrected/${name}`)).toEqual([]);
  });

  test("every faulty one has a corrected one, and the README tells of each", () => {
    const corrected = readdirSync(join(FOLDER, "corrected"));
    const readme = readFileSync(join(FOLDER, "README.md"), "utf8");
    for (const [name, issues] of Object.entries(EXPECTED)) {
      expect(corrected.includes(name)).toBe(issues.length > 0);
      expect(readme).toContain(name.replace("overlapping-2", "overlapping-1"));
    }
  });
});
