import { describe, expect, test } from "bun:test";
import { lintText } from "./index.ts";

/** line severity code path, one text an issue. */
function lint(text: string, name = "x.yaml"): string[] {
  return lintText(text, name).issues.map(
    ({ severity, code, path, line }) => `${line} ${severity} ${code} ${path}`,
  );
}

function json(value: unknown): string[] {
  return lint(JSON.stringify(value), "x.json");
}

const good = { cniVersion: "1.0.0", name: "n", type: "macvlan" };

describe("network configurations", () => {
  test.each<[string, unknown, string[]]>([
    ["good", { ...good, ipam: { type: "dhcp" }, master: "eth1" }, []],
    ["without ipam", good, []],
    ["with empty ipam", { ...good, ipam: {} }, []],
    ["a store is not wanted here", { ...good, ipam: { type: "whereabouts", range: "10.0.0.0/24" } }, []],
    ["another plugin", { ...good, ipam: { type: "host-local", subnet: "10.0.0.0/24" } }, []],
    ["no name", { cniVersion: "1.0.0", type: "bridge" }, ["1 error missing_name name"]],
    ["a bad name", { ...good, name: "a b" }, ["1 error invalid_name name"]],
    ["no version", { name: "n", type: "bridge" }, ["1 warning missing_cni_version cniVersion"]],
    ["a bad version", { ...good, cniVersion: "2.0.0" }, ["1 error unsupported_cni_version cniVersion"]],
    ["no type", { cniVersion: "1.0.0", name: "n", ipam: {} }, ["1 error missing_plugin_type type"]],
    ["ipam of the wrong type", { ...good, ipam: "dhcp" }, ["1 error invalid_type ipam"]],
    [
      "ipam without type",
      { ...good, ipam: { range: "10.0.0.0/8" } },
      ["1 warning missing_ipam_type ipam.type"],
    ],
    ["a misspelt ipam type", { ...good, ipam: { type: "DHCP" } }, ["1 warning unknown_ipam_type ipam.type"]],
    [
      "a bad range",
      { ...good, ipam: { type: "whereabouts", range: "10.0.0.0/33" } },
      ["1 error invalid_cidr ipam.range"],
    ],
    [
      "a key in other case",
      { ...good, IPAM: { type: "static", addresses: [{}] } },
      ["1 error invalid_cidr ipam.addresses[0].address"],
    ],
    [
      "a fragment",
      { ipam: { type: "static", addresses: [{ address: "10.0.0.1" }] } },
      ["1 error invalid_cidr ipam.addresses[0].address"],
    ],
    [
      "a list",
      { cniVersion: "1.0.0", name: "n", plugins: [{ type: "a" }, { ipam: { type: "static", x: 1 } }] },
      ["1 error missing_plugin_type plugins[1].type", "1 warning unknown_key plugins[1].ipam.x"],
    ],
    ["plugins of the wrong type", { ...good, plugins: {} }, ["1 error invalid_type plugins"]],
    ["something else", { hello: 1 }, []],
    ["a number", 5, []],
  ])("%s", (_, value, expected) => {
    expect(json(value)).toEqual(expected);
  });

  test("lines and columns", () => {
    const text =
      '{\n  "cniVersion": "1.0.0", "name": "n", "type": "bridge",\n  "ipam": {\n    "type": "dhcp",\n    "foo": 1,\n    "priority": "x", "type": "dhcp"\n  }\n}';
    const { issues } = lintText(text, "x");
    expect(issues.map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual([
      "unknown_key 5:5",
      "invalid_type 6:17",
      "duplicate_key 6:22",
    ]);
  });

  test("what cannot be read", () => {
    expect(lint("")).toEqual(["1 error empty_file "]);
    expect(lint("[".repeat(200_000), "x.json")[0]).toContain("error");
    expect(lint("a: &a [*a]\nkind: Pod")).toEqual(["1 error nested_too_deep "]);
  });

  test("a summary of each document", () => {
    const { documents } = lintText(
      "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\n---\nkind: Pod\napiVersion: v1\nmetadata: {name: p}\n",
      "x",
    );
    expect(documents.map(({ kind, name, line, notes }) => [kind, name, line, notes.length])).toEqual([
      ["ConfigMap", "c", 1, 1],
      ["Pod", "p", 5, 1],
    ]);
  });
});

function attachment(config: string): string {
  return `apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: a\nspec:\n  config: ${config}\n`;
}

describe("attachments", () => {
  const config =
    '{"cniVersion":"1.0.0","name":"n","type":"macvlan","ipam":{"type":"whereabouts","range":"10.0.0.0/33"}}';
  const expected = ["6 error invalid_cidr spec.config: ipam.range"];

  test("the configuration in every style", () => {
    expect(lint(attachment(`'${config}'`))).toEqual(expected);
    expect(lint(attachment(JSON.stringify(config)))).toEqual(expected);
    expect(lint(attachment(`|-\n    ${config}`))).toEqual(["7 error invalid_cidr spec.config: ipam.range"]);
    expect(lint(attachment(`>\n    ${config.replaceAll(",", ",\n    ")}`))).toEqual([
      "11 error invalid_cidr spec.config: ipam.range",
    ]);
    expect(lint(attachment(config))).toEqual(["6 error config_not_text spec.config", ...expected]);
  });

  test("as JSON, alone and in a List", () => {
    const object = {
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "a" },
      spec: { config },
    };
    expect(json(object)).toEqual(["1 error invalid_cidr spec.config: ipam.range"]);
    const list = { apiVersion: "v1", kind: "List", items: [object, object] };
    expect(json(list)).toEqual(
      [0, 1].map((index) => `1 error invalid_cidr items[${index}].spec.config: ipam.range`),
    );
    expect(json({ ...object, spec: { config: JSON.parse(config) } })).toEqual([
      "1 error config_not_text spec.config",
      "1 error invalid_cidr spec.config: ipam.range",
    ]);
  });

  test.each<[string, string, string[]]>([
    ["no config", "", []],
    ["a number", "5", ["6 error invalid_type spec.config"]],
    ["broken JSON", "'{'", ["6 error json_syntax spec.config"]],
    [
      "no name: Multus gives one",
      `'{"cniVersion":"1.0.0","type":"a"}'`,
      ["6 warning missing_name spec.config: name"],
    ],
    ["a sibling", "''\n  confg: x", ["7 error misspelt_key spec.confg"]],
  ])("%s", (_, text, issues) => {
    expect(lint(attachment(text))).toEqual(issues);
  });

  test.each<[string, string, string, string[]]>([
    ["wrong version", "k8s.cni.cncf.io/v1", "k8s.cni.cncf.io/v2", ["1 error wrong_api_version apiVersion"]],
    ["no version", "apiVersion: k8s.cni.cncf.io/v1\n", "", ["1 error missing_key apiVersion"]],
    ["wrong kind", "AttachmentDefinition", "AttachmentDefinitions", ["2 error misspelt_key kind"]],
    ["metadata", "metadata", "metdata", ["3 error misspelt_key metdata"]],
    ["a bad name", "name: a", "name: A_b", ["4 error invalid_name metadata.name"]],
    ["a name that is false", "name: a", "name: n", ["4 error invalid_type metadata.name"]],
    ["no name", "name: a", "labels: {}", ["4 error missing_name metadata.name"]],
    ["a generated name", "name: a", "generateName: a-", []],
    ["a bad namespace", "name: a", "name: a\n  namespace: b.c", ["5 error invalid_name metadata.namespace"]],
    ["a further key", "spec:", "extra: 1\nspec:", ["5 warning unknown_key extra"]],
    [
      "a tab",
      "metadata:\n  name",
      "metadata:\n\tname",
      ["3 error missing_name metadata.name", "4 error yaml_syntax metadata"],
    ],
    ["a key twice", "name: a", "name: a\n  name: a", ["5 error yaml_syntax metadata.name"]],
  ])("%s", (_, from, to, issues) => {
    expect(lint(attachment("''").replace(from, to))).toEqual(issues);
  });
});

describe("the Network of the Cluster Network Operator", () => {
  function networks(...entries: unknown[]): string[] {
    const object = {
      apiVersion: "operator.openshift.io/v1",
      kind: "Network",
      metadata: { name: "cluster" },
      spec: { additionalNetworks: entries },
    };
    return json(object).map((line) => line.replace("1 ", "").replace("spec.additionalNetworks", "…"));
  }
  const macvlan = (config: object) =>
    networks({ name: "m", type: "SimpleMacvlan", simpleMacvlanConfig: config });
  const fixed = (config: object) => macvlan({ ipamConfig: { type: "Static", staticIPAMConfig: config } });
  const at = "…[0].simpleMacvlanConfig.ipamConfig.staticIPAMConfig";

  test("networks", () => {
    expect(
      networks({ name: "r", type: "raw", rawCNIConfig: '{"name":"x","cniVersion":"0.3.1","type":"a"}' }),
    ).toEqual([]);
    expect(networks({ name: "r", type: "Raw" })).toEqual(["error missing_key …[0].rawCNIConfig"]);
    expect(networks({ name: "r" })).toEqual(["error unknown_network_type …[0].type"]);
    expect(networks({ type: "SimpleMacvlan" })).toEqual(["error missing_name …[0].name"]);
    expect(networks({ name: "r", type: "SimpleMacvlan", rawCniConfig: "" })).toEqual([
      "error misspelt_key …[0].rawCniConfig",
    ]);
    expect(networks({ name: "r", type: "Raw", rawCNIConfig: { name: "x", type: "a" } })).toEqual([
      "error config_not_text …[0].rawCNIConfig",
      "warning missing_cni_version …[0].rawCNIConfig: cniVersion",
    ]);
    expect(networks(5)).toEqual(["error missing_name …[0].name", "error unknown_network_type …[0].type"]);
  });

  test("SimpleMacvlan", () => {
    expect(networks({ name: "m", type: "SimpleMacvlan" })).toEqual([]);
    expect(macvlan({ master: "eth1", mode: "VEPA", mtu: 1400, ipamConfig: { type: "dhcp" } })).toEqual([]);
    expect(macvlan({ mode: "hairpin" })).toEqual([
      "error unknown_macvlan_mode …[0].simpleMacvlanConfig.mode",
    ]);
    expect(macvlan({ mtu: -1 })).toEqual(["error number_out_of_bounds …[0].simpleMacvlanConfig.mtu"]);
    expect(macvlan({ ipamConfig: { type: "whereabouts" } })).toEqual([
      "error unknown_ipam_type …[0].simpleMacvlanConfig.ipamConfig.type",
    ]);
    expect(
      fixed({
        addresses: [{ address: "10.1.1.1/24", gateway: "10.1.1.254" }],
        routes: [{ destination: "::/0" }],
        dns: { domain: "x" },
      }),
    ).toEqual([]);
    expect(fixed({ addresses: [{ address: "10.1.1.1", gateway: "x" }] })).toEqual([
      `error invalid_cidr ${at}.addresses[0].address`,
      `error invalid_address ${at}.addresses[0].gateway`,
    ]);
    expect(fixed({ routes: [{ dst: "10.0.0.0/8" }] })).toEqual([
      `error invalid_cidr ${at}.routes[0].destination`,
      `error misspelt_key ${at}.routes[0].dst`,
    ]);
  });

  test("the Network of another group is not looked at", () => {
    expect(
      json({ apiVersion: "config.openshift.io/v1", kind: "Network", spec: { additionalNetworks: 5 } }),
    ).toEqual([]);
  });
});

describe("pods", () => {
  function pod(value: unknown): string[] {
    return json({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", annotations: { "k8s.v1.cni.cncf.io/networks": value } },
    });
  }

  test("how they ask for networks", () => {
    expect(pod("a, ns/b@net1")).toEqual([]);
    expect(pod('[{"name": "a"}]')).toEqual([]);
    expect(pod("ns/b 2")).toEqual([
      '1 error invalid_annotation metadata.annotations["k8s.v1.cni.cncf.io/networks"]',
    ]);
  });
});

describe("flat files", () => {
  test("are bare ipam objects", () => {
    const flat = (text: string) =>
      lintText(text, "/etc/wb.conf", { isFlat: true }).issues.map(
        ({ code, path, line }) => `${line} ${code} ${path}`,
      );
    expect(flat('{"datastore": "kubernetes", "kubernetes": {"kubeconfig": "/k"}}')).toEqual([]);
    expect(flat('{"log_level": "x",\n"Range": "y",\n "foo": 1}')).toEqual([
      "1 unknown_log_level log_level",
      "2 key_case Range",
      "2 invalid_cidr range",
      "3 unknown_key foo",
    ]);
    expect(flat("[]")).toEqual(["1 invalid_type "]);
  });
});
