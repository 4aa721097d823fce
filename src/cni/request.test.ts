import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseCniArgs } from "./args.ts";
import { type Environment, MAX_CONFIG_BYTES, parseCall } from "./request.ts";

const ENV: Environment = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/n",
  CNI_IFNAME: "net1",
  CNI_PATH: "/bin",
};
const CONFIG = { cniVersion: "1.0.0", name: "net" };

function call(env: Environment, config: unknown = CONFIG): string {
  const stdin = typeof config === "string" ? config : JSON.stringify(config);
  const parsed = parseCall({ ...ENV, ...env }, stdin);
  if (!parsed.ok) return `${parsed.error.code} ${parsed.error.msg}`;
  return parsed.value.kind === "request" ? parsed.value.request.verb : parsed.value.kind;
}

describe("parseCall", () => {
  test.each([
    [{}, "ADD"],
    [{ CNI_COMMAND: "" }, "about"],
    [{ CNI_COMMAND: "VERSION", CNI_PATH: "" }, "version"],
    [{ CNI_COMMAND: "add" }, "4 unknown CNI_COMMAND: add"],
    [{ CNI_CONTAINERID: "", CNI_NETNS: "" }, "4 required env variables [CNI_CONTAINERID,CNI_NETNS] missing"],
    [{ CNI_COMMAND: "DEL", CNI_NETNS: "" }, "DEL"],
    [{ CNI_COMMAND: "DEL", CNI_PATH: "" }, "4 required env variables [CNI_PATH] missing"],
    [{ CNI_CONTAINERID: "-x" }, "4 invalid characters in containerID"],
    [{ CNI_IFNAME: "a b" }, "4 interface name contains / or : or whitespace characters"],
    [{ CNI_IFNAME: "éééééééé" }, "4 interface name is too long"],
    [{ CNI_IFNAME: ".." }, "4 interface name is . or .."],
    [{ CNI_COMMAND: "GC" }, "1 config version does not allow GC"],
    [{ CNI_COMMAND: "STATUS" }, "1 config version does not allow STATUS"],
    [{ CNI_COMMAND: "CHECK" }, "CHECK"],
  ])("%j gives %s", (env, expected) => {
    expect(call(env)).toBe(expected);
  });

  test.each([
    ["", "6 error unmarshall network config: unexpected end of JSON input"],
    ["[]", "6 error unmarshall network config: it is not a JSON object"],
    [{ cniVersion: "1.0.0" }, "7 missing network name"],
    [{ name: "a/b" }, "7 invalid characters found in network name"],
    [{ name: 1 }, "6 error unmarshall network config: name is not a string"],
    [{ name: "a", cniVersion: "9" }, "1 incompatible CNI versions"],
    [{ name: "a", cniVersion: 1 }, "6 error unmarshall network config: cniVersion is not a string"],
    [{ name: "a" }, "ADD"],
    [`{"name":"${"a".repeat(MAX_CONFIG_BYTES)}"}`, "6 error unmarshall network config: it is too large"],
  ])("a configuration %# is answered as it deserves", (config, expected) => {
    expect(call({}, config)).toBe(expected);
  });

  test("CHECK needs 0.4.0, GC and STATUS 1.1.0", () => {
    expect(call({ CNI_COMMAND: "CHECK" }, { name: "a", cniVersion: "0.3.1" })).toStartWith("1 ");
    expect(call({ CNI_COMMAND: "GC", CNI_CONTAINERID: "" }, { name: "a", cniVersion: "1.1.0" })).toBe("GC");
  });

  test("JSON nested a hundred thousand levels deep is an error or a request, never an exception", () => {
    expect(call({}, `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`)).toMatch(/^[67] /);
  });

  test("never throws, whatever comes in", () => {
    const env = fc.record({
      CNI_COMMAND: fc.oneof(fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS"), fc.string()),
      CNI_CONTAINERID: fc.string(),
      CNI_IFNAME: fc.string(),
    });
    fc.assert(
      fc.property(env, fc.oneof(fc.string(), fc.json()), (values, stdin) => {
        expect(call(values, stdin)).not.toBe("");
      }),
    );
  });
});

describe("parseCniArgs", () => {
  const parse = (text: string) => {
    const parsed = parseCniArgs(text, ["IP", "GATEWAY"]);
    return parsed.ok ? parsed.value : parsed.error.msg;
  };

  test.each([
    ["", {}],
    ["IP=1;GATEWAY=2", { IP: "1", GATEWAY: "2" }],
    ["IP=1;IP=2", { IP: "2" }],
    ["IP=a=b", { IP: "a=b" }],
    ["FOO=1;IgnoreUnknown=1", {}],
    ["IgnoreUnknown=TRUE;FOO=1;IP=3", { IP: "3" }],
    ["ip=1", 'ARGS: unknown args ["ip=1"]'],
    ["FOO=1;IgnoreUnknown=0", 'ARGS: unknown args ["FOO=1"]'],
    ["IP", 'ARGS: invalid pair "IP"'],
    ["IP=1;", 'ARGS: invalid pair ""'],
    ["IgnoreUnknown=maybe", 'ARGS: invalid value of IgnoreUnknown "maybe"'],
  ])("%p is %p", (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });
});
