import { beforeEach, describe, expect, test } from "bun:test";
import type { Attachment } from "../cni/attachments.ts";
import { CniCode, cniError, renderError } from "../cni/error.ts";
import type { Lease } from "../dhcp/lease.ts";
import { parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import type { Host } from "./host.ts";
import { invoke } from "./invoke.ts";
import type { DhcpAccess, Leases, LeaseWish } from "./leases.ts";

function value<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error("a test's own address is wrong");
  return result.value;
}

const inet = (text: string) => value(parseInterfaceAddress(text));
const address = (text: string) => value(parseAddress(text));

const LEASE4: Lease = {
  family: 4,
  address: inet("192.0.2.7/24"),
  server: address("192.0.2.1"),
  gateway: address("192.0.2.1"),
  routes: [
    { dst: inet("0.0.0.0/0"), gw: address("192.0.2.1") },
    { dst: inet("198.51.100.0/24"), gw: address("192.0.2.2") },
  ],
  dns: { nameservers: ["192.0.2.53"], domain: "example.com", search: ["a.example.com"] },
  ntp: [],
  mtu: 1400,
  delegated: [],
  times: { obtainedAt: 0 },
  options: {},
};
const LEASE6: Lease = {
  family: 6,
  address: inet("2001:db8::7/128"),
  server: address("fe80::1"),
  routes: [],
  dns: { nameservers: ["2001:db8::53", "192.0.2.53"] },
  ntp: [],
  delegated: [],
  times: { obtainedAt: 0 },
  options: {},
};

let wishes: LeaseWish[];
let released: Attachment[];
let held: readonly Lease[];
let dhcp: DhcpAccess;
let lines: string[];

beforeEach(() => {
  wishes = [];
  released = [];
  held = [LEASE4];
  lines = [];
  const leases: Leases = {
    acquire: async (wish) => {
      wishes.push(wish);
      return ok(held);
    },
    check: async () => ok(held),
    release: async (attachment) => {
      released.push(attachment);
      return ok(undefined);
    },
    collect: async (network, keep) => {
      released.push({ containerId: network, ifname: keep.map(({ ifname }) => ifname).join() });
      return ok(undefined);
    },
    status: () => ok(undefined),
  };
  dhcp = { kind: "here", leases };
});

type More = { verb?: string; version?: string; top?: object; args?: string };

async function call(ipam: object, { verb = "ADD", version = "1.0.0", top = {}, args = "" }: More = {}) {
  const store = new MemoryStore();
  const host: Host = {
    store: () => ok(store),
    readFile: () => undefined,
    netnsId: () => undefined,
    node: () => "node-a",
    now: () => 0,
    log: (level, msg, fields) => lines.push(`${level} ${msg} ${JSON.stringify(fields ?? {})}`),
    dhcp,
  };
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "s1",
    CNI_NETNS: "/run/netns/p1",
    CNI_IFNAME: "net1",
    CNI_PATH: "/bin",
    CNI_ARGS: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=p1;odd;A=b=c;${args}`,
  };
  const stdin = JSON.stringify({ cniVersion: version, name: "net", ipam: { type: "dhcp", ...ipam }, ...top });
  const reply = await invoke({ plugin: "dhcp", env, stdin }, host);
  return { exit: reply.exit, output: reply.stdout === "" ? "" : JSON.parse(reply.stdout) };
}

describe("leases kept here", () => {
  test("the result has address, gateway, routes and DNS", async () => {
    expect((await call({})).output).toEqual({
      cniVersion: "1.0.0",
      ips: [{ address: "192.0.2.7/24", gateway: "192.0.2.1" }],
      routes: [
        { dst: "0.0.0.0/0", gw: "192.0.2.1" },
        { dst: "198.51.100.0/24", gw: "192.0.2.2" },
      ],
      dns: { nameservers: ["192.0.2.53"], domain: "example.com", search: ["a.example.com"] },
    });
  });

  test("priority is the metric of every route; the MTU is of routes where the version has it", async () => {
    const { output } = await call({ priority: 50 }, { version: "1.1.0" });
    expect(output.routes).toEqual([
      { dst: "0.0.0.0/0", gw: "192.0.2.1", mtu: 1400, priority: 50 },
      { dst: "198.51.100.0/24", gw: "192.0.2.2", mtu: 1400, priority: 50 },
    ]);
  });

  test("with DHCPv6 both addresses, and each name server once", async () => {
    held = [LEASE4, LEASE6];
    const { output } = await call({ ipv6: true });
    expect(output.ips).toEqual([
      { address: "192.0.2.7/24", gateway: "192.0.2.1" },
      { address: "2001:db8::7/128" },
    ]);
    expect(output.dns.nameservers).toEqual(["192.0.2.53", "2001:db8::53"]);
    expect(wishes[0]?.config.ipv6).toBe(true);
  });

  test("host name by default, provided values, arguments before values", async () => {
    const provide = [
      { option: "60", value: "berth" },
      { option: "77", value: "default", fromArg: "A" },
      { option: "43", fromArg: "MISSING" },
    ];
    await call({ provide });
    const [wish] = wishes;
    expect(wish).toMatchObject({ hostName: "p1", pod: "default/p1", network: "net", netns: "/run/netns/p1" });
    const texts = [...(wish?.provide ?? [])].map(([code, bytes]) => [code, new TextDecoder().decode(bytes)]);
    expect(texts).toEqual([
      [60, "berth"],
      [77, "b=c"],
    ]);
  });

  test("DEL and GC need no valid configuration", async () => {
    expect(await call({ request: "nonsense" }, { verb: "DEL" })).toEqual({ exit: 0, output: "" });
    const keep = [{ containerID: "s2", ifname: "net2" }];
    const gc = await call({}, { verb: "GC", version: "1.1.0", top: { "cni.dev/valid-attachments": keep } });
    expect(gc.exit).toBe(0);
    expect(released).toEqual([
      { containerId: "s1", ifname: "net1" },
      { containerId: "net", ifname: "net2" },
    ]);
    expect((await call({}, { verb: "GC", version: "1.1.0" })).exit).toBe(1);
  });

  test("CHECK: a changed address is an error only where the configuration says so", async () => {
    const top = { prevResult: { cniVersion: "1.0.0", ips: [{ address: "192.0.2.9/24" }] } };
    expect((await call({}, { verb: "CHECK", top })).exit).toBe(0);
    const { output } = await call({ onChange: "fail" }, { verb: "CHECK", top });
    expect(output.code).toBe(CniCode.checkFailed);
    expect(output.msg).toContain("192.0.2.7");
  });

  test("a bad configuration asks nobody", async () => {
    expect((await call({ clientId: "podd" })).output).toMatchObject({ code: 7 });
    expect(wishes).toEqual([]);
  });
});

describe("leases kept by a daemon", () => {
  let asked: string[];
  let ended: Attachment[];

  function daemon(ask: Extract<DhcpAccess, { kind: "daemon" }>["ask"]): void {
    asked = [];
    ended = [];
    dhcp = {
      kind: "daemon",
      ask: (socket) => {
        asked.push(socket);
        return ask(socket);
      },
      ended: async (attachment) => {
        ended.push(attachment);
        return ok(undefined);
      },
    };
  }

  test("its answers and its errors are the plugin's", async () => {
    daemon(async () => ok({ exit: 0, stdout: '{"ips":[]}', stderr: "" }));
    expect(await call({ daemonSocketPath: "/run/x.sock" })).toEqual({ exit: 0, output: { ips: [] } });
    expect(asked).toEqual(["/run/x.sock"]);
    const failure = cniError(CniCode.tryAgainLater, "no lease", "why");
    daemon(async () => ok({ exit: 1, stdout: renderError(failure), stderr: "" }));
    expect((await call({})).output).toEqual({ code: 11, msg: "no lease", details: "why" });
    daemon(async () => ok({ exit: 1, stdout: "panic", stderr: "" }));
    expect((await call({})).output.code).toBe(CniCode.internal);
  });

  test("away: ADD is to be tried again, STATUS is 50, DEL succeeds and is written down", async () => {
    daemon(async () => err("ENOENT"));
    const { output } = await call({});
    expect(output.code).toBe(11);
    expect(output.msg).toBe("error dialing DHCP daemon: /run/cni/dhcp.sock: ENOENT");
    expect((await call({}, { verb: "STATUS", version: "1.1.0" })).output.code).toBe(50);
    expect((await call({ request: "nonsense" }, { verb: "DEL" })).exit).toBe(0);
    expect(ended).toEqual([{ containerId: "s1", ifname: "net1" }]);
  });
});
