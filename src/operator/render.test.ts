import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readNetwork, render } from "./render.ts";
import { DEFAULT_WORKLOAD_SETTINGS as SETTINGS } from "./workload/settings.ts";

const RAW = '{"cniVersion": "1.0.0", "name": "x", "type": "bridge", "ipam": {"type": "static"}}';

function raw(name: unknown, more: object = {}): object {
  return { name, type: "Raw", rawCNIConfig: RAW, ...more };
}

/** Issues as `severity code path`, and the attachments as `namespace/name`. */
function outline(document: unknown): { issues: string[]; attachments: string[] } {
  const { issues, objects } = render(document, SETTINGS);
  return {
    issues: issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`),
    attachments: objects
      .filter(({ kind }) => kind === "NetworkAttachmentDefinition")
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  };
}

const entries = (...additionalNetworks: unknown[]) => ({ spec: { additionalNetworks } });

describe("a bad entry affects itself alone", () => {
  test("a hundred broken ones, each with its path, and a good one among them", () => {
    const broken = Array.from({ length: 100 }, (_, index) => raw(`n${index}`, { rawCNIConfig: "{" }));
    const { issues, attachments } = outline(
      entries(...broken.slice(0, 50), raw("good"), ...broken.slice(50)),
    );
    expect(attachments).toEqual(["default/good"]);
    expect(issues).toHaveLength(100);
    expect(issues[0]).toBe("error json_syntax spec.additionalNetworks[0].rawCNIConfig");
    expect(issues[50]).toBe("error json_syntax spec.additionalNetworks[51].rawCNIConfig");
  });

  test("what is no entry at all", () => {
    const { issues, attachments } = outline(entries("text", 5, null, [], true, raw("good")));
    expect(attachments).toEqual(["default/good"]);
    expect(issues).toEqual([0, 1, 2, 3, 4].map((at) => `error invalid_type spec.additionalNetworks[${at}]`));
  });

  test.each([
    ["[]", "a list"],
    ["null", "null"],
    ['"text"', "a text"],
    ["5", "a number"],
    ["{}}", "two braces"],
    [`${"[".repeat(100_000)}`, "without end"],
  ])("JSON that is no object: %#", (rawCNIConfig) => {
    const { issues, attachments } = outline(entries(raw("bad", { rawCNIConfig }), raw("good")));
    expect(issues).toEqual(["error json_syntax spec.additionalNetworks[0].rawCNIConfig"]);
    expect(attachments).toEqual(["default/good"]);
  });

  test("an object where a text belongs", () => {
    const { issues } = outline(entries(raw("a", { rawCNIConfig: { type: "bridge" } })));
    expect(issues).toEqual(["error invalid_type spec.additionalNetworks[0].rawCNIConfig"]);
  });
});

describe("names", () => {
  test.each([
    "Capital",
    "under_score",
    "-dash",
    "dot.",
    "a b",
    "../x",
    "ä",
    "x".repeat(254),
    "a\u0000",
    "a\n",
    "constructor()",
  ])("%j is refused", (name) => {
    const { issues, attachments } = outline(entries(raw(name), raw("good")));
    expect(issues).toEqual(["error invalid_name spec.additionalNetworks[0].name"]);
    expect(attachments).toEqual(["default/good"]);
  });

  test("what YAML 1.1 makes of no, 5 and ~", () => {
    const { issues } = outline(entries(raw(false), raw(5), raw(null)));
    expect(issues).toEqual([
      "error invalid_type spec.additionalNetworks[0].name",
      "error invalid_type spec.additionalNetworks[1].name",
      "error missing_name spec.additionalNetworks[2].name",
    ]);
  });

  test("names of JavaScript's own are names like others", () => {
    const names = ["constructor", "tostring", "proto", "valueof"];
    expect(outline(entries(...names.map((name) => raw(name))))).toEqual({
      issues: [],
      attachments: names.map((name) => `default/${name}`),
    });
  });

  test("the same name and namespace twice: the first counts; in two namespaces both do", () => {
    const { issues, attachments } = outline(
      entries(raw("a"), raw("a", { namespace: "default" }), raw("a", { namespace: "b" })),
    );
    expect(issues).toEqual(["error duplicate_name spec.additionalNetworks[1].name"]);
    expect(attachments).toEqual(["default/a", "b/a"]);
  });

  test("an illegal namespace", () => {
    const { issues, attachments } = outline(entries(raw("a", { namespace: "openshift-multus 1" }), raw("b")));
    expect(issues).toEqual(["error invalid_name spec.additionalNetworks[0].namespace"]);
    expect(attachments).toEqual(["default/b"]);
  });
});

describe("keys", () => {
  test("an unknown one is a warning with the nearest known one", () => {
    const { issues } = render(entries(raw("a", { rawCniConfig: "{}", color: "red" })), SETTINGS);
    expect(issues.map(({ severity, path, hint }) => [severity, path, hint])).toEqual([
      ["warning", "spec.additionalNetworks[0].rawCniConfig", 'did you mean "rawCNIConfig"?'],
      [
        "warning",
        "spec.additionalNetworks[0].color",
        "known: name, namespace, type, rawCNIConfig, simpleMacvlanConfig",
      ],
    ]);
  });

  test("a misspelt additionalNetworks is told, another network's keys are the other operator's", () => {
    const spec = { additionalNetwork: [raw("a")], serviceNetwork: ["172.30.0.0/16"], defaultNetwork: {} };
    expect(outline({ spec }).issues).toEqual(["warning unknown_key spec.additionalNetwork"]);
  });

  test("members of the prototype are neither fields nor harmful", () => {
    const document = JSON.parse(
      `{"spec": {"additionalNetworks": [{"__proto__": {"name": "evil"}, "constructor": {}, "type": "Raw", "rawCNIConfig": "{}"}]}}`,
    );
    const { issues, attachments } = outline(document);
    expect(issues).toEqual([
      "warning unknown_key spec.additionalNetworks[0].__proto__",
      "warning unknown_key spec.additionalNetworks[0].constructor",
      "error missing_name spec.additionalNetworks[0].name",
    ]);
    expect(attachments).toEqual([]);
    expect(Object.hasOwn(Object.prototype, "name")).toBe(false);
  });
});

describe("the list as a whole", () => {
  test.each([["text"], [5], [{ a: 1 }], [true]])("%j is no list", (additionalNetworks) => {
    const reading = readNetwork({ spec: { additionalNetworks } });
    expect(reading.issues.map(({ code, path }) => [code, path])).toEqual([
      ["invalid_type", "spec.additionalNetworks"],
    ]);
    expect(reading.isComplete).toBe(false);
  });

  test("a hundred thousand entries: the good ones are rendered, the issues bounded and the rest counted", () => {
    const list = Array.from({ length: 100_000 }, (_, index) => raw(index % 2 ? `n${index}` : "Bad Name"));
    const { issues, objects } = render(entries(...list), SETTINGS);
    expect(objects).toHaveLength(50_000);
    expect(issues).toHaveLength(1001);
    expect(issues.at(-1)?.message).toBe("49000 more are not listed");
  });

  test("disableMultiNetwork: nothing at all", () => {
    const spec = { disableMultiNetwork: true, additionalNetworks: [{ type: "SimpleMacvlan", name: "m" }] };
    expect(render({ spec }, SETTINGS)).toEqual({
      issues: [],
      dhcpDaemon: false,
      whereabouts: false,
      objects: [],
    });
  });

  test("a disableMultiNetwork that cannot be read takes nothing away", () => {
    const reading = readNetwork({ spec: { disableMultiNetwork: "true", additionalNetworks: [raw("a")] } });
    expect(reading).toMatchObject({ isEnabled: true, isComplete: false });
    expect(reading.issues.map(({ code }) => code)).toEqual(["invalid_type"]);
  });
});

describe("what the operator may take away", () => {
  test("the attachment of a broken entry stays; one whose name cannot be read could be any", () => {
    const named = readNetwork(entries(raw("a", { rawCNIConfig: "{" }), raw("b")));
    expect(named).toMatchObject({ kept: [{ name: "a", namespace: "default" }], isComplete: true });
    expect(readNetwork(entries(raw(""), raw("b"))).isComplete).toBe(false);
  });
});

describe("SimpleMacvlan", () => {
  const macvlan = (simpleMacvlanConfig: unknown) =>
    entries({ name: "m", type: "simplemacvlan", simpleMacvlanConfig });

  test("every mistake of the static addresses has its own path", () => {
    const staticIPAMConfig = {
      addresses: [{ address: "10.0.0.1" }, { gateway: "10.0.0.1" }, { address: "10.0.0.1/24", gatway: "" }],
      routes: [{ destination: "10.0.0.0/33" }, "0.0.0.0/0"],
      dns: { nameservers: "10.0.0.1", search: [5] },
    };
    const at = "spec.additionalNetworks[0].simpleMacvlanConfig.ipamConfig.staticIPAMConfig";
    expect(outline(macvlan({ ipamConfig: { type: "Static", staticIPAMConfig } })).issues).toEqual([
      "warning value_case spec.additionalNetworks[0].type",
      `error invalid_cidr ${at}.addresses[0].address`,
      `error invalid_cidr ${at}.addresses[1].address`,
      `warning unknown_key ${at}.addresses[2].gatway`,
      `error invalid_cidr ${at}.routes[0].destination`,
      `error invalid_type ${at}.routes[1]`,
      `error invalid_type ${at}.dns.nameservers`,
      `error invalid_type ${at}.dns.search[0]`,
    ]);
  });

  test.each([[-1], [1.5], ["1500"], [2 ** 31]])("mtu %p is refused", (mtu) => {
    expect(outline(macvlan({ mtu })).attachments).toEqual([]);
  });

  test("mtu and master reach the netconf; 0 and an empty master do not", () => {
    const config = (simpleMacvlanConfig: object) => {
      const [attachment] = render(macvlan(simpleMacvlanConfig), SETTINGS).objects;
      return JSON.parse(String(Object(attachment?.spec).config));
    };
    const ipam = { type: "dhcp" };
    const base = { cniVersion: "0.3.1", type: "macvlan", ipam };
    expect(config({ mtu: 9000, master: "ens4" })).toEqual({ ...base, master: "ens4", mtu: 9000 });
    expect(config({ mtu: 0, master: "", mode: "" })).toEqual(base);
  });
});

test("whatever it is given, it answers, and every attachment has a legal name and a JSON object", () => {
  const word = fc.oneof(
    fc.constantFrom("a", "Raw", "SimpleMacvlan", RAW, "dhcp", "__proto__", ""),
    fc.string(),
  );
  const any = fc.anything({ maxDepth: 3 });
  const entry = fc.record(
    {
      name: fc.oneof(word, any),
      namespace: fc.oneof(word, any),
      type: fc.oneof(word, any),
      rawCNIConfig: fc.oneof(word, fc.json(), any),
      simpleMacvlanConfig: fc.oneof(any, fc.record({ ipamConfig: fc.record({ type: word }) })),
    },
    { requiredKeys: [] },
  );
  const network = fc.record({ spec: fc.record({ additionalNetworks: fc.array(fc.oneof(entry, any)) }) });
  fc.assert(
    fc.property(fc.oneof(network, any), (document) => {
      for (const { metadata, spec, kind } of render(document, SETTINGS).objects) {
        if (kind !== "NetworkAttachmentDefinition") continue;
        expect(metadata.name).toMatch(/^[a-z0-9][-a-z0-9.]*$/);
        expect(typeof JSON.parse(String(Object(spec).config))).toBe("object");
      }
    }),
    { numRuns: 500 },
  );
});
