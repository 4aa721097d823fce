import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Lab } from "../../demo/lab.ts";
import { addressesOf, call, DIST, MAIN_PLUGINS, whereabouts, withFolder } from "./plugin.ts";
import { carried, expectNothingHeld, missingForNamespaces, reaches, snapshot, until } from "./support.ts";

const why = missingForNamespaces();
if (why !== undefined) console.log(`test/system/bridge.test.ts: all of it is left out: ${why}`);

const VERSIONS = ["0.3.1", "0.4.0", "1.0.0"] as const;
const MAIN = {
  bridge: { type: "bridge", bridge: "br0" },
  macvlan: { type: "macvlan", master: "uplink", mode: "bridge" },
} as const;
const IPAM = ["static", "whereabouts"] as const;
const CASES = VERSIONS.flatMap((version) =>
  (["bridge", "macvlan"] as const).flatMap((main) => IPAM.map((ipam) => [version, main, ipam] as const)),
);
const PODS = ["a", "b"] as const;

/** The addresses with prefix length that a pod must get. */
function wanted(pod: (typeof PODS)[number]): string[] {
  const index = PODS.indexOf(pod);
  return [`10.62.0.${index + 1}/24`, `fd62::${index + 1}/64`];
}

function prefixed(stdout: string): string[] {
  const result: { ips?: { address: string }[] } = JSON.parse(stdout);
  return (result.ips ?? []).map(({ address }) => address);
}

describe.skipIf(why !== undefined)("the life of two pods through Debian's main plugins", () => {
  test.concurrent.each(CASES)(
    "%s %s %s",
    (version, main, ipam) =>
      withFolder(async (database) => {
        const lab = new Lab();
        try {
          // Every interface, the bridge too, is made in the lab's namespaces: nothing in the machine's own.
          if (main === "macvlan") lab.addUplink("uplink");
          const configFor = (pod: (typeof PODS)[number]) => {
            const netconf = { cniVersion: version, ...MAIN[main] };
            if (ipam === "whereabouts") {
              const ipRanges = [{ range: "10.62.0.0/24" }, { range: "fd62::/64" }];
              return whereabouts(database, { ipRanges }, netconf);
            }
            const addresses = wanted(pod).map((address) => ({ address }));
            return { name: "net", ...netconf, ipam: { type: "static", addresses } };
          };
          const run = (verb: string, pod: (typeof PODS)[number], top: object = {}) =>
            call({
              verb,
              pod,
              command: ["ip", "netns", "exec", lab.node, join(MAIN_PLUGINS, main)],
              netns: lab.pod(pod).path,
              config: { ...configFor(pod), ...top },
            });

          const results = new Map<string, string>();
          for (const pod of PODS) {
            const added = await run("ADD", pod);
            expect(added.exit, added.stdout + added.stderr).toBe(0);
            expect(prefixed(added.stdout)).toEqual(wanted(pod));
            const namespace = lab.pod(pod).name;
            const onLink = carried(namespace, "net1").map(({ local, prefixlen }) => `${local}/${prefixlen}`);
            expect(onLink.sort()).toEqual(wanted(pod).sort());
            results.set(pod, added.stdout);
            if (version === "0.3.1") continue; // it has no CHECK
            // Before the next ADD: a second port may change the bridge's own MAC, and then Debian's CHECK complains.
            const prevResult: object = JSON.parse(added.stdout);
            const checked = await run("CHECK", pod, { prevResult });
            expect(checked.exit, checked.stdout + checked.stderr).toBe(0);
          }

          for (const pod of PODS) {
            const namespace = lab.pod(pod).name;
            const settled = () => carried(namespace, "net1").every(({ tentative }) => tentative !== true);
            await until(`duplicate address detection in ${namespace} is over`, 10, settled);
          }
          for (const [from, to] of [PODS, [...PODS].reverse()]) {
            for (const address of addressesOf(results.get(to) ?? "{}"))
              expect([from, address, await reaches(lab.pod(from).name, address)]).toEqual([
                from,
                address,
                true,
              ]);
          }

          for (const pod of PODS) {
            // The IPAM plugin alone, as after a lost answer: the same addresses, and no more of them.
            const again = await call({
              verb: "ADD",
              pod,
              command: [join(DIST, "cni", ipam)],
              netns: lab.pod(pod).path,
              config: configFor(pod),
            });
            expect(again.exit, again.stdout).toBe(0);
            expect(prefixed(again.stdout)).toEqual(wanted(pod));
          }
          if (ipam === "whereabouts") expect(snapshot(database).claims).toHaveLength(4);

          for (const pod of [...PODS, ...PODS]) {
            const deleted = await run("DEL", pod);
            expect(deleted.exit, deleted.stdout + deleted.stderr).toBe(0);
            expect(() => carried(lab.pod(pod).name, "net1")).toThrow("does not exist");
          }
          if (ipam === "whereabouts") expectNothingHeld(database);
          else expect(await Bun.file(database).exists()).toBe(false);
        } finally {
          lab.dispose();
        }
      }),
    60_000,
  );
});
