import { beforeEach, describe, expect, test } from "bun:test";
import { ok } from "../result.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import type { Host } from "./host.ts";
import { invoke, type Plugin } from "./invoke.ts";
import { KnownConfigs } from "./load.ts";

let files: { [path: string]: string };
let lines: string[];
let host: Host;

beforeEach(() => {
  const store = new MemoryStore();
  files = {};
  lines = [];
  host = {
    store: () => ok(store),
    readFile: (path) => files[path],
    netnsId: (path) => (path === "/own" ? "1:1" : undefined),
    node: () => "node-a",
    now: () => 0,
    log: (level, msg) => lines.push(`${level} ${msg}`),
  };
});

type Call = { verb?: string; pod?: string; args?: string; netns?: string; plugin?: Plugin; top?: object };

/** One call; the addresses of its result, or code and text of its error, or "" for no output. */
async function call(ipam: object, { verb = "ADD", pod = "p1", ...more }: Call = {}): Promise<string> {
  const reply = await invoke(
    {
      plugin: more.plugin ?? "whereabouts",
      env: {
        CNI_COMMAND: verb,
        CNI_CONTAINERID: `sandbox-${pod}`,
        CNI_NETNS: more.netns ?? "/n",
        CNI_IFNAME: "net1",
        CNI_PATH: "/bin",
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod};${more.args ?? "A=1"}`,
      },
      stdin: JSON.stringify({
        cniVersion: "1.1.0",
        name: "net",
        ipam: { type: "whereabouts", datastore: "sqlite", ...ipam },
        ...more.top,
      }),
      callerNetns: () => "1:1",
    },
    host,
  );
  if (reply.stdout === "") return "";
  const answer = JSON.parse(reply.stdout);
  if (reply.exit !== 0) return `${answer.code} ${answer.msg}`;
  return (answer.ips ?? [])
    .map(
      ({ address, gateway }: { address: string; gateway?: string }) =>
        address + (gateway ? ` via ${gateway}` : ""),
    )
    .join(", ");
}

const RANGE = { range: "10.0.0.0/24" };

describe("addresses asked for", () => {
  const top = (...ips: string[]) => ({ top: { runtimeConfig: { ips } } });

  test("inside a range it is claimed with the range's prefix, bare or not, and never twice", async () => {
    expect(await call(RANGE, top("10.0.0.9"))).toBe("10.0.0.9/24");
    expect(await call(RANGE, top("10.0.0.9/32"))).toBe("10.0.0.9/24");
    expect(await call(RANGE, { ...top("10.0.0.9/24"), pod: "p2" })).toBe(
      "999 the address 10.0.0.9 of pool 10.0.0.0/24 is held by default/p1 net1",
    );
    expect(await call(RANGE, { pod: "p2" })).toBe("10.0.0.1/24");
  });

  test("outside every range it is passed on; the range still gives its own", async () => {
    expect(await call(RANGE, top("172.16.0.9/16", "fd00::9/64"))).toBe(
      "10.0.0.1/24, 172.16.0.9/16, fd00::9/64",
    );
    expect(await call(RANGE, { pod: "p2", ...top("172.16.0.9") })).toStartWith(
      '999 the address "172.16.0.9"',
    );
    const part = { range: "10.0.0.0/24", range_start: "10.0.0.100" };
    expect(await call(part, { pod: "p3", ...top("10.0.0.50/24") })).toBe("10.0.0.100/24, 10.0.0.50/24");
  });

  test("excluded, or the gateway: refused", async () => {
    const config = { ...RANGE, gateway: "10.0.0.1", exclude: ["10.0.0.8/29"] };
    expect(await call(config, top("10.0.0.9"))).toStartWith("999 ");
    expect(await call(config, top("10.0.0.1"))).toStartWith("999 ");
    expect(await call(config)).toBe("10.0.0.2/24 via 10.0.0.1");
  });

  test("two in one range are both claimed; dual stack takes each into its range", async () => {
    expect(await call(RANGE, top("10.0.0.5", "10.0.0.6"))).toBe("10.0.0.5/24, 10.0.0.6/24");
    const dual = { ipRanges: [RANGE, { range: "fd00::/64" }] };
    expect(await call(dual, { pod: "p2", ...top("fd00::77") })).toBe("10.0.0.1/24, fd00::77/64");
  });

  test("runtimeConfig comes before args.cni, and that before CNI_ARGS", async () => {
    const args = { args: "IP=10.0.0.7/24", top: { args: { cni: { ips: ["10.0.0.8/24"] } } } };
    expect(await call(RANGE, args)).toBe("10.0.0.8/24");
    expect(await call(RANGE, { pod: "p2", args: "IP=10.0.0.7/24" })).toBe("10.0.0.7/24");
    expect(await call(RANGE, { top: { runtimeConfig: { ips: "10.0.0.8" } } })).toStartWith(
      "999 runtimeConfig.ips",
    );
  });

  test("GATEWAY goes to passed-on and configured addresses of its subnet", async () => {
    const config = { ...RANGE, addresses: [{ address: "172.17.0.5/16" }] };
    const args = "IP=172.16.0.9/24;GATEWAY=172.16.0.1,172.17.0.1";
    expect(await call(config, { args })).toBe(
      "10.0.0.1/24, 172.17.0.5/16 via 172.17.0.1, 172.16.0.9/24 via 172.16.0.1",
    );
  });
});

describe("verbs", () => {
  test("CHECK: held and in prevResult, else code 100", async () => {
    const check = (...ips: string[]) => ({
      verb: "CHECK",
      top: { prevResult: { cniVersion: "1.1.0", ips: ips.map((address) => ({ address })) } },
    });
    await call(RANGE);
    expect(await call(RANGE, check("10.0.0.1/24"))).toBe("");
    expect(await call(RANGE, check("10.0.0.2/24"))).toBe("100 CHECK: 10.0.0.1 is not in prevResult");
    await call(RANGE, { verb: "DEL" });
    expect(await call(RANGE, check("10.0.0.1/24"))).toStartWith(
      "100 CHECK: net1 of sandbox sandbox-p1 holds 0 of 1",
    );
  });

  test("CHECK: an address more than is wanted, of a write that came late, is no fault of the interface", async () => {
    const second = { range: "10.0.1.0/24" };
    await call({ ipRanges: [RANGE, second] });
    const check = (address: string) => ({
      verb: "CHECK",
      top: { prevResult: { cniVersion: "1.1.0", ips: [{ address }] } },
    });
    expect(await call(RANGE, check("10.0.0.1/24"))).toBe("");
    expect(await call(RANGE, check("10.0.0.9/24"))).toBe("100 CHECK: 10.0.0.1 is not in prevResult");
    expect(await call({ ipRanges: [RANGE, second] }, check("10.0.0.1/24"))).toBe(
      "100 CHECK: 10.0.1.1 is not in prevResult",
    );
  });

  test("STATUS: 50 when one of the pools is full, in the pool of each family", async () => {
    const dual = { ipRanges: [{ range: "10.0.0.0/24" }, { range: "fd00::/126" }] };
    expect(await call(dual, { verb: "STATUS" })).toBe("");
    await call(dual);
    await call(dual, { pod: "p2" });
    expect(await call(dual, { verb: "STATUS" })).toBe(
      "50 no free address in pool fd00::/126: all 2 of fd00::1-fd00::2 are held",
    );
  });

  test("GC without a list of attachments is refused and frees nothing", async () => {
    await call(RANGE);
    expect(await call(RANGE, { verb: "GC" })).toStartWith("7 ");
    expect(await call(RANGE, { pod: "p2" })).toBe("10.0.0.2/24");
    expect(await call(RANGE, { verb: "GC", top: { "cni.dev/valid-attachments": [] } })).toBe("");
    expect(await call(RANGE, { pod: "p3" })).toBe("10.0.0.1/24");
  });

  test("the plugin's own network namespace is refused before anything is allocated", async () => {
    expect(await call(RANGE, { netns: "/own" })).toStartWith("8 ");
    expect(await call(RANGE, { pod: "p2" })).toBe("10.0.0.1/24");
  });

  test("a store that throws is a code 999, not a crash", async () => {
    host = {
      ...host,
      store: () => {
        throw new Error("boom");
      },
    };
    expect(await call(RANGE)).toBe("999 unexpected: boom");
  });
});

describe("configuration", () => {
  test("the flat file fills gaps; one that is not JSON is refused with its path", async () => {
    files["/flat"] = '{"range":"10.7.0.0/24"}';
    expect(await call({ configuration_path: "/flat" })).toBe("10.7.0.1/24");
    files["/flat"] = "{";
    expect(await call({ configuration_path: "/flat" })).toStartWith("999 the flat file /flat is not JSON");
  });

  test("a warning is a log line, and names the nearest key", async () => {
    await call({ ...RANGE, rangeStart: "10.0.0.50" });
    expect(lines.filter((line) => line.includes('did you mean "range_start"')).length).toBe(1);
  });

  test("one that is remembered warns again, and a change of the flat file counts at once", async () => {
    host = { ...host, known: new KnownConfigs() };
    files["/flat"] = '{"range":"10.7.0.0/24"}';
    const config = { configuration_path: "/flat", rangeStart: "10.0.0.50" };
    expect(await call(config)).toBe("10.7.0.1/24");
    expect(await call(config, { pod: "p2" })).toBe("10.7.0.2/24");
    expect(lines.filter((line) => line.includes('did you mean "range_start"')).length).toBe(2);
    files["/flat"] = '{"range":"10.8.0.0/24"}';
    expect(await call(config, { pod: "p3" })).toBe("10.8.0.1/24");
    expect(await call({ ...config, exclude: ["10.8.0.2"] }, { pod: "p4" })).toBe("10.8.0.3/24");
    expect(await call({ ...config, range: "10.8.0.0/99" }, { pod: "p5" })).toStartWith("999 ipam.range");
    expect(await call({ ...config, range: "10.8.0.0/99" }, { pod: "p5" })).toStartWith("999 ipam.range");
  });

  test("before 0.3.0 two configured addresses of one family are refused before anything is allocated", async () => {
    const config = { ...RANGE, addresses: [{ address: "172.16.0.1/24" }, { address: "172.16.1.1/24" }] };
    expect(await call(config, { top: { cniVersion: "0.2.0" } })).toStartWith("999 CNI version 0.2.0");
    expect(await call(RANGE, { pod: "p2" })).toBe("10.0.0.1/24");
  });
});
