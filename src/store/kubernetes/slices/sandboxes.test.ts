import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { formatAddress } from "../../../ip/address.ts";
import { readSandboxes } from "./sandbox-files.ts";
import { readSandbox } from "./sandboxes.ts";

const IPAM = { type: "whereabouts", range: "10.5.0.0/24", node_slice_size: "/28", network_name: "blue" };
const LIST = {
  cniVersion: "1.0.0",
  name: "net",
  plugins: [{ type: "macvlan", ipam: IPAM }, { type: "tuning" }],
};
const ARGS = [
  ["IgnoreUnknown", "true"],
  ["K8S_POD_NAMESPACE", "default"],
  ["K8S_POD_NAME", "p1"],
  ["K8S_POD_UID", "uid-1"],
];

/** As libcni writes it: the configuration is bytes, which Go's JSON has as base64. */
function cached(netconf: object, result: object, more: object = {}): string {
  return JSON.stringify({
    kind: "cniCacheV1",
    containerId: "c1",
    config: Buffer.from(JSON.stringify(netconf)).toString("base64"),
    ifName: "net1",
    networkName: "net",
    netns: "/var/run/netns/x",
    cniArgs: ARGS,
    result,
    ...more,
  });
}

const RESULT = { cniVersion: "1.0.0", ips: [{ address: "10.5.0.3/24" }, { address: "fd00::3/64" }] };

test("a cached ADD of a list says pod, sandbox, interface, realm and addresses", () => {
  const { addresses, ...sandbox } = readSandbox(cached(LIST, RESULT)) ?? { addresses: [] };
  expect(addresses.map(formatAddress)).toEqual(["10.5.0.3", "fd00::3"]);
  expect(sandbox).toEqual({
    id: "c1",
    ifname: "net1",
    network: "net",
    networkName: "blue",
    pod: { namespace: "default", name: "p1", uid: "uid-1" },
  });
});

test("a single plugin and the results of CNI 0.2.0 are read too", () => {
  const { network_name: _, ...ipam } = IPAM;
  const old = cached(
    { name: "net", type: "macvlan", ipam },
    { ip4: { ip: "10.5.0.3/24" }, ip6: { ip: "fd00::3/64" } },
  );
  const found = readSandbox(old);
  expect(found?.networkName).toBe("");
  expect(found?.addresses.map(formatAddress)).toEqual(["10.5.0.3", "fd00::3"]);
});

test.each([
  ["another IPAM", cached({ name: "net", type: "bridge", ipam: { type: "host-local" } }, RESULT)],
  ["no address", cached(LIST, { cniVersion: "1.0.0" })],
  ["an older kind", cached(LIST, RESULT, { kind: "cniCacheV0" })],
  ["half a file", cached(LIST, RESULT).slice(0, 80)],
])("%s is none of ours", (_what, text) => {
  expect(readSandbox(text)).toBeUndefined();
});

test("whatever stands in a file, it is read or passed over", () => {
  fc.assert(
    fc.property(fc.anything({ maxDepth: 3 }), fc.string(), (part, text) => {
      readSandbox(text);
      for (const key of ["config", "result", "cniArgs", "containerId"])
        readSandbox(cached(LIST, RESULT, { [key]: typeof part === "bigint" ? "" : toJson(part) }));
    }),
  );
});

test("of folders those that exist are read, and in them what is a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-cache-"));
  try {
    writeFileSync(join(folder, "net-c1-net1"), cached(LIST, RESULT));
    writeFileSync(join(folder, "net-c2-net1"), "");
    mkdirSync(join(folder, "folder"));
    expect(readSandboxes([join(folder, "none"), folder]).map(({ id }) => id)).toEqual(["c1"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** What JSON can say of a value. */
function toJson(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? "null");
  } catch {
    return null;
  }
}
