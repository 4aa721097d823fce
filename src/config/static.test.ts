import { describe, expect, test } from "bun:test";
import { formatAddress } from "../ip/address.ts";
import { formatInterfaceAddress } from "../ip/cidr.ts";
import { readStatic } from "./static.ts";

function issuesOf(ipam: unknown): string[] {
  return readStatic(ipam).issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

describe("readStatic", () => {
  test("a full configuration", () => {
    const { config, issues } = readStatic({
      type: "static",
      addresses: [
        { address: "10.10.0.1/24", gateway: "10.10.0.254" },
        { address: "3ffe:ffff:0:01ff::1/64", gateway: "" },
      ],
      routes: [
        { dst: "0.0.0.0/0" },
        {
          dst: "192.168.0.0/16",
          gw: "10.10.5.1",
          mtu: 1400,
          advmss: 1300,
          priority: 10,
          table: 0,
          scope: 253,
        },
        { dst: "3ffe:ffff:0:01ff::1/64" },
      ],
      dns: { nameservers: ["10.10.0.1"], domain: "example.com", search: [], options: ["ndots:2"] },
    });
    expect(issues).toEqual([]);
    const addresses = config?.addresses.map(({ address, gateway }) => [
      formatInterfaceAddress(address),
      gateway && formatAddress(gateway),
    ]);
    expect(addresses).toEqual([
      ["10.10.0.1/24", "10.10.0.254"],
      ["3ffe:ffff:0:1ff::1/64", undefined],
    ]);
    expect(config?.routes.map(({ dst }) => formatInterfaceAddress(dst))).toEqual([
      "0.0.0.0/0",
      "192.168.0.0/16",
      "3ffe:ffff:0:1ff::1/64",
    ]);
    expect(config?.routes[1]).toMatchObject({ mtu: 1400, advmss: 1300, priority: 10, table: 0, scope: 253 });
    expect(config?.dns).toEqual({ nameservers: ["10.10.0.1"], domain: "example.com", options: ["ndots:2"] });
  });

  test.each<[string, unknown, string[]]>([
    ["nothing but a type", { type: "static" }, []],
    ["no type at all", {}, []],
    ["another type: upstream does not look at it", { type: "host-local" }, []],
    ["a gateway elsewhere", { addresses: [{ address: "10.0.0.1/24", gateway: "10.9.9.9" }] }, []],
    ["the same address twice", { addresses: [{ address: "10.0.0.1/24" }, { address: "10.0.0.1/24" }] }, []],
    ["an empty address", { addresses: [{ address: "" }] }, ["error invalid_cidr ipam.addresses[0].address"]],
    ["no address", { addresses: [{}] }, ["error invalid_cidr ipam.addresses[0].address"]],
    [
      "no prefix length",
      { addresses: [{ address: "10.0.0.1" }] },
      ["error invalid_cidr ipam.addresses[0].address"],
    ],
    [
      "a leading zero",
      { addresses: [{ address: "10.0.0.01/24" }] },
      ["error invalid_cidr ipam.addresses[0].address"],
    ],
    [
      "a bad gateway",
      { addresses: [{ address: "10.0.0.1/24", gateway: "x" }] },
      ["error invalid_address ipam.addresses[0].gateway"],
    ],
    [
      "a route to nowhere",
      { routes: [{ gw: "10.0.0.1" }] },
      ["error missing_destination ipam.routes[0].dst"],
    ],
    ["a bad destination", { routes: [{ dst: "10.0.0.1" }] }, ["error invalid_cidr ipam.routes[0].dst"]],
    ["a bad next hop", { routes: [{ dst: "::/0", gw: "x" }] }, ["error invalid_address ipam.routes[0].gw"]],
    [
      "the spelling of the operator",
      { routes: [{ destination: "::/0" }] },
      ["warning unknown_key ipam.routes[0].destination", "error missing_destination ipam.routes[0].dst"],
    ],
  ])("%s", (_, ipam, expected) => {
    expect(issuesOf(ipam)).toEqual(expected);
  });
});
