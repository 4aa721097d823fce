import { describe, expect, test } from "bun:test";
import { parseAddress } from "../ip/address.ts";
import { type InterfaceAddress, parseInterfaceAddress } from "../ip/cidr.ts";
import { parsePrevResult, parseValidAttachments } from "./attachments.ts";
import { type IpamResult, renderResult } from "./result.ts";
import { CNI_VERSIONS, type CniVersion } from "./version.ts";

function cidr(text: string): InterfaceAddress {
  const parsed = parseInterfaceAddress(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

const DUAL: IpamResult = {
  ips: [
    { address: cidr("10.0.0.1/24"), gateway: address("10.0.0.254") },
    { address: cidr("10.0.0.2/24") },
    { address: cidr("fd00::1/64") },
  ],
  routes: [
    { dst: cidr("0.0.0.0/0"), mtu: 1400, scope: 0 },
    { dst: cidr("::/0"), gw: address("fd00::fe") },
  ],
  dns: { nameservers: ["10.0.0.53"], search: [] },
};

function shape(result: IpamResult, version: CniVersion): unknown {
  const rendered = renderResult(result, version);
  return rendered.ok ? JSON.parse(rendered.value) : rendered.error;
}

describe("renderResult", () => {
  test.each(["0.1.0", "0.2.0"] as const)(
    "%s: the first address of a family, its routes below it",
    (version) => {
      expect(shape(DUAL, version)).toEqual({
        cniVersion: version,
        ip4: { ip: "10.0.0.1/24", gateway: "10.0.0.254", routes: [{ dst: "0.0.0.0/0" }] },
        ip6: { ip: "fd00::1/64", routes: [{ dst: "::/0", gw: "fd00::fe" }] },
        dns: { nameservers: ["10.0.0.53"] },
      });
    },
  );

  test.each(["0.3.0", "0.3.1", "0.4.0"] as const)(
    "%s: addresses with their version, dns always",
    (version) => {
      expect(shape(DUAL, version)).toMatchObject({
        ips: [
          { version: "4", address: "10.0.0.1/24" },
          { version: "4" },
          { version: "6", address: "fd00::1/64" },
        ],
        routes: [{ dst: "0.0.0.0/0", mtu: 1400, scope: 0 }, { dst: "::/0" }],
      });
      expect(shape({ ips: [], routes: [], dns: {} }, version)).toEqual({ cniVersion: version, dns: {} });
    },
  );

  test.each(["1.0.0", "1.1.0"] as const)("%s: what is empty is left out, keys are sorted", (version) => {
    expect(shape({ ips: [], routes: [], dns: {} }, version)).toEqual({ cniVersion: version });
    const text = renderResult(DUAL, version);
    expect(text.ok && Object.keys(JSON.parse(text.value))).toEqual(["cniVersion", "dns", "ips", "routes"]);
    expect(text.ok && text.value.startsWith(`{\n    "cniVersion": "${version}"`)).toBe(true);
  });

  test("no address: an error before 0.3.0, since those results have nothing else", () => {
    const codes = CNI_VERSIONS.map((version) => renderResult({ ips: [], routes: [], dns: {} }, version).ok);
    expect(codes).toEqual([false, false, true, true, true, true, true]);
  });
});

describe("what the runtime passes back", () => {
  test("prevResult", () => {
    const parse = (prevResult: unknown) => {
      const parsed = parsePrevResult({ prevResult });
      return parsed.ok ? parsed.value.length : parsed.error.msg;
    };
    expect(
      parse({ ips: [{ address: "10.0.0.1/24", gateway: "10.0.0.254" }, { address: "fd00::1/64" }] }),
    ).toBe(2);
    expect(parse({})).toBe(0);
    expect(parse(undefined)).toBe("Required prevResult missing");
    for (const broken of [1, { ips: 1 }, { ips: [1] }, { ips: [{ address: "x" }] }]) {
      expect(parse(broken)).toStartWith("could not parse prevResult: ");
    }
    expect(parse({ ips: [{ address: "10.0.0.1/24", gateway: "x" }] })).toContain("ips[0].gateway");
  });

  test("valid attachments: a missing or malformed list is refused, because an empty one frees everything", () => {
    const parse = (list: unknown) => parseValidAttachments({ "cni.dev/valid-attachments": list });
    expect(parse([{ containerID: "a", ifname: "b" }])).toEqual({
      ok: true,
      value: [{ containerId: "a", ifname: "b" }],
    });
    expect(parse([])).toEqual({ ok: true, value: [] });
    for (const broken of [
      undefined,
      null,
      {},
      [1],
      [{ containerID: "a" }],
      [{ containerID: 1, ifname: "b" }],
    ]) {
      expect(parse(broken).ok).toBe(false);
    }
  });
});
