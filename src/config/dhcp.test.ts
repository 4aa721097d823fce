import { describe, expect, test } from "bun:test";
import { readDhcp } from "./dhcp.ts";

function issuesOf(ipam: unknown): string[] {
  return readDhcp(ipam).issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

const DEFAULTS = {
  clientId: "sandbox",
  ipv6: false,
  onChange: "apply",
  probe: true,
  probeTiming: "fast",
} as const;

describe("readDhcp", () => {
  test("defaults", () => {
    expect(readDhcp({ type: "dhcp" })).toEqual({
      config: { daemonSocketPath: "/run/cni/dhcp.sock", provide: [], request: [], ...DEFAULTS },
      issues: [],
    });
  });

  test("options by name and by number", () => {
    const { config, issues } = readDhcp({
      type: "dhcp",
      daemonSocketPath: "/run/other.sock",
      provide: [
        { option: "host-name", fromArg: "K8S_POD_NAME" },
        { option: "60", value: "berth" },
      ],
      request: [{ option: "121" }, { option: "routers", skipDefault: true }],
      priority: 100,
    });
    expect(issues).toEqual([]);
    expect(config).toEqual({
      daemonSocketPath: "/run/other.sock",
      provide: [
        { option: 12, fromArg: "K8S_POD_NAME" },
        { option: 60, value: "berth" },
      ],
      request: [{ option: 121 }, { option: 3, skipDefault: true }],
      priority: 100,
      ...DEFAULTS,
    });
  });

  test("who the pod is to the server, and what follows from its answers", () => {
    const chosen = {
      clientId: "pod",
      ipv6: true,
      onChange: "fail",
      probe: false,
      probeTiming: "rfc5227",
    } as const;
    expect(readDhcp({ type: "dhcp", ...chosen }).config).toMatchObject(chosen);
  });

  test.each<[string, unknown, string[]]>([
    [
      "a relative socket",
      { daemonSocketPath: "dhcp.sock" },
      ["error path_not_absolute ipam.daemonSocketPath"],
    ],
    ["no option", { request: [{}] }, ["error unknown_option ipam.request[0].option"]],
    [
      "an unknown option",
      { request: [{ option: "hostname" }] },
      ["error unknown_option ipam.request[0].option"],
    ],
    ["a number above 255", { request: [{ option: "256" }] }, ["error unknown_option ipam.request[0].option"]],
    ["a number, not a text", { request: [{ option: 12 }] }, ["error invalid_type ipam.request[0].option"]],
    ["255 bytes", { provide: [{ option: "12", value: "x".repeat(255) }] }, []],
    [
      "256 bytes in 128 characters",
      { provide: [{ option: "12", value: "é".repeat(128) }] },
      ["error option_too_long ipam.provide[0].value"],
    ],
    ["a word that is not known", { clientId: "Pod" }, ["error unknown_choice ipam.clientId"]],
    ["nothing to send", { provide: [{ option: "12" }] }, ["warning option_without_value ipam.provide[0]"]],
    [
      "a key of old documents without code behind it",
      { provide: [{ option: "12", value: "x", optional: true }] },
      ["warning unknown_key ipam.provide[0].optional"],
    ],
  ])("%s", (_, ipam, expected) => {
    expect(issuesOf(ipam)).toEqual(expected);
  });

  test("a misspelt option is named", () => {
    expect(readDhcp({ request: [{ option: "hostname" }] }).issues[0]?.hint).toBe(
      'did you mean "host-name"?; a number from 0 to 255 will do too',
    );
  });
});
