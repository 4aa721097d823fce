import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Lab } from "../../demo/lab.ts";
import { addressesOf, call, heldIn, MAIN_PLUGINS, whereabouts, withFolder } from "./plugin.ts";

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  if (!existsSync(join(MAIN_PLUGINS, "bridge"))) return `no plugins in ${MAIN_PLUGINS}`;
  if (Bun.which("ip") === null || Bun.which("ping") === null) return "ip or ping is missing";
  return undefined;
}

const why = missing();
if (why !== undefined) console.log(`test/system/attach.test.ts: left out, ${why}`);

const VERSIONS = ["0.3.1", "0.4.0", "1.0.0"] as const;
const MAIN = {
  bridge: { type: "bridge", bridge: "br0" },
  macvlan: { type: "macvlan", master: "uplink", mode: "bridge" },
};
const CASES = VERSIONS.flatMap((version) => {
  return (["bridge", "macvlan"] as const).flatMap((main) => {
    return (["static", "whereabouts"] as const).map((ipam) => [version, main, ipam] as const);
  });
});

describe.skipIf(why !== undefined)("through the real main plugins, in real namespaces", () => {
  test.each(CASES)(
    "%s %s %s: addresses are on the interface, pods reach each other, DEL gives back",
    (version, main, ipam) =>
      withFolder(async (database) => {
        const lab = new Lab();
        try {
          if (main === "macvlan") lab.addUplink("uplink");
          const configOf = (index: number) => {
            const dynamic = {
              ipRanges: [{ range: "10.57.0.0/24" }, { range: "fd57::/64" }],
              gateway: "10.57.0.1",
            };
            const fixed = [`10.57.0.${index + 2}/24`, `fd57::${index + 1}/64`].map((address) => ({
              address,
            }));
            const netconf = { cniVersion: version, ...MAIN[main] };
            if (ipam === "whereabouts") return whereabouts(database, dynamic, netconf);
            return { name: "net", ...netconf, ipam: { type: "static", addresses: fixed } };
          };
          const command = ["ip", "netns", "exec", lab.node, join(MAIN_PLUGINS, main)];
          const run = (verb: string, index: number, top: object = {}) => {
            const pod = `pod${index}`;
            return call({
              verb,
              pod,
              command,
              netns: lab.pod(pod).path,
              config: { ...configOf(index), ...top },
            });
          };

          const addresses: string[][] = [];
          for (const index of [0, 1]) {
            const added = await run("ADD", index);
            expect(added.exit, added.stdout).toBe(0);
            const given = addressesOf(added.stdout);
            expect(given).toEqual([`10.57.0.${index + 2}`, `fd57::${index + 1}`]);
            const carried = lab.addressesOf(`pod${index}`, "net1");
            for (const address of given) expect(carried).toContain(address);
            addresses.push(given);
            if (version === "0.3.1") continue;
            const checked = await run("CHECK", index, { prevResult: JSON.parse(added.stdout) });
            expect(checked.exit, checked.stdout).toBe(0);
          }
          for (const address of addresses[1] ?? []) expect(await lab.ping("pod0", address)).toContain("ms");

          for (const index of [0, 1, 0, 1]) expect((await run("DEL", index)).exit).toBe(0);
          if (ipam === "whereabouts") expect(heldIn(database)).toEqual([]);
        } finally {
          lab.dispose();
        }
      }),
    60_000,
  );
});
