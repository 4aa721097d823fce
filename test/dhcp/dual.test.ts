import { describe, expect, test } from "bun:test";
import { until } from "../agent/agent.ts";
import { addressesOf, codeOf } from "../system/plugin.ts";
import { withLab } from "./lab.ts";
import { whyNoServers } from "./needs.ts";
import { dnsmasq, kea4, kea6 } from "./servers.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`test/dhcp/dual.test.ts: left out, ${why}`);

const PATIENCE = 60_000;
const LIMIT = 150_000;

describe.skipIf(why !== undefined)("DHCPv4 and DHCPv6 together", () => {
  test.concurrent.each(["bridge", "macvlan"] as const)(
    "through %s: both addresses on the interface, both held by Kea, both renewed, both given back",
    (main) =>
      withLab(async (lab) => {
        const times = { lease: 60, t1: 4, t2: 40 };
        const [v4, v6] = await Promise.all([kea4(lab, { times }), kea6(lab, { times })]);
        await lab.daemon();
        const ipam = { ipv6: true };
        const added = await lab.attach("ADD", "p1", { main, ipam });
        expect(added.exit, added.stdout).toBe(0);
        const addresses = addressesOf(added.stdout);
        expect(addresses.length).toBe(2);
        expect([...v4.held(), ...v6.held()]).toEqual(addresses);
        expect(lab.carried("p1").sort()).toEqual([...addresses].sort());
        const ends = async () =>
          ((await lab.leases()) ?? []).map(({ expiresAt }) => Date.parse(expiresAt ?? ""));
        const before = await ends();
        expect(before.length).toBe(2);
        await until(
          "both are renewed",
          async () => {
            return (await ends()).every((end, index) => end > (before[index] ?? 0) + 1_000);
          },
          PATIENCE,
        );
        const checked = await lab.attach("CHECK", "p1", { main, ipam, prevResult: JSON.parse(added.stdout) });
        expect(checked.exit, checked.stdout).toBe(0);
        await lab.restartDaemon("SIGKILL");
        expect((await lab.leases())?.map(({ state }) => state)).toEqual(["bound", "bound"]);
        expect((await lab.attach("DEL", "p1", { main, ipam })).exit).toBe(0);
        await until("nothing is held", () => v4.held().length + v6.held().length === 0);
      }),
    LIMIT,
  );

  test.concurrent(
    "all or nothing: without a DHCPv6 server the ADD fails and the IPv4 lease goes back",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        lab.plug("p1");
        const env = { BERTH_SHIM_TIMEOUT_MS: "4000" };
        const failed = await lab.lease("ADD", "p1", { ipam: { ipv6: true }, env });
        expect(codeOf(failed)).toBe(11);
        expect(failed.stdout).toContain("no DHCPv6 lease");
        await until("nothing is held", () => server.held().length === 0);
        expect(await lab.leases()).toEqual([]);
      }),
    LIMIT,
  );

  test.concurrent(
    "dnsmasq gives both families",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab, { v6: true });
        await lab.daemon();
        lab.plug("p1");
        const added = await lab.lease("ADD", "p1", { ipam: { ipv6: true, clientId: "pod" } });
        expect(added.exit, added.stdout).toBe(0);
        const addresses = addressesOf(added.stdout);
        expect(server.held().sort()).toEqual([...addresses].sort());
        expect((await lab.lease("DEL", "p1")).exit).toBe(0);
        await until("nothing is held", () => server.held().length === 0);
      }),
    LIMIT,
  );
});
