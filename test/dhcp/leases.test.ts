import { describe, expect, test } from "bun:test";
import { until } from "../agent/agent.ts";
import { addressesOf, codeOf } from "../system/plugin.ts";
import { Capture } from "./capture.ts";
import { withLab } from "./lab.ts";
import { whyNoServers } from "./needs.ts";
import { dhcpd, dnsmasq, kea4 } from "./servers.ts";
import { ip } from "./wire.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`test/dhcp/leases.test.ts: left out, ${why}`);

/** Real servers need seconds where leases are to run out; the machine may be slow. */
const PATIENCE = 60_000;
const LIMIT = 150_000;

describe.skipIf(why !== undefined)("leases of real servers, on the wire", () => {
  test.concurrent(
    "renewed by unicast, rebound by broadcast, expired with the interface down, and back when the server is",
    () =>
      withLab(async (lab) => {
        const options = { times: { lease: 12, t1: 3, t2: 7 }, namespace: lab.host("kea4", "10.66.0.2/16") };
        const first = await kea4(lab, options);
        await lab.daemon("-resendmax", "4s"); // the wait between two tries would outgrow the patience of this test
        const wire = new Capture(first.namespace, "eth0");
        const added = await lab.attach("ADD", "p1");
        expect(added.exit, added.stdout).toBe(0);
        const [address = ""] = addressesOf(added.stdout);
        const fromUs = (how: "unicast" | "broadcast") =>
          wire.seen.filter((one) => one.what === "REQUEST" && one.from === address && one.how === how).length;

        await until("two renewals", () => fromUs("unicast") >= 2, PATIENCE);
        expect(wire.count("ICMP")).toBe(0); // nobody finds port 68 closed
        expect(fromUs("broadcast")).toBe(0);
        await first.stop("SIGKILL");
        const second = await kea4(lab, options);
        const before = fromUs("unicast");
        await until("a renewal with the restarted server", () => fromUs("unicast") > before, PATIENCE);
        const isBound = async () => (await lab.leases())?.[0]?.state === "bound";
        await until("the server's answer to it", isBound, PATIENCE);
        const [lease] = (await lab.leases()) ?? [];
        expect(lease).toMatchObject({ address: `${address}/16`, pod: "default/p1" });

        await second.stop("SIGKILL");
        await until("the question to all servers", () => fromUs("broadcast") >= 1, PATIENCE);
        expect(lab.carried("p1")).toEqual([address]);
        await until("the interface is down", () => !lab.isUp("p1"), PATIENCE);
        expect(lab.carried("p1")).toEqual([]);
        const checked = await lab.attach("CHECK", "p1", { prevResult: JSON.parse(added.stdout) });
        expect(checked.exit).toBe(1);
        expect(lab.daemonLog()).toContain("lease expired, bringing interface DOWN");

        await kea4(lab, options);
        await until("the address is back", () => lab.carried("p1").length === 1 && lab.isUp("p1"), PATIENCE);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent.each(["fast", "rfc5227"] as const)(
    "an address is probed and announced twice: %s",
    (probeTiming) =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        lab.plug("p1");
        const wire = new Capture(server.namespace, "eth0");
        const added = await lab.lease("ADD", "p1", { ipam: { probeTiming } });
        const [address = ""] = addressesOf(added.stdout);
        const about = (from: string) =>
          wire.seen.filter((one) => one.what === "ARP request" && one.from === from && one.to === address);
        await until("two announcements", () => about(address).length === 2);
        expect(about("0.0.0.0")).toHaveLength(probeTiming === "fast" ? 2 : 3);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "a refused lease: the interface follows to another address, or CHECK fails where that is wanted",
    () =>
      withLab(async (lab) => {
        const soon = ["--dhcp-option=58,4"]; // T1 in seconds
        const namespace = lab.host("dnsmasq", "10.66.0.1/16");
        const first = await dnsmasq(lab, { extra: soon, namespace });
        await lab.daemon();
        const follows = await lab.attach("ADD", "p1");
        const stays = await lab.attach("ADD", "p2", { ipam: { onChange: "fail" } });
        expect([follows.exit, stays.exit]).toEqual([0, 0]);
        const [before] = addressesOf(follows.stdout);
        const [kept] = addressesOf(stays.stdout);

        const wire = new Capture(namespace, "eth0");
        await first.stop("SIGKILL");
        const range = "10.66.30.1,10.66.30.250,255.255.0.0,1h";
        await dnsmasq(lab, { extra: soon, namespace, name: "moved", range });
        await until("two refusals", () => wire.count("NAK") >= 2, PATIENCE);
        await until(
          "another address",
          () => lab.carried("p1")[0]?.startsWith("10.66.30.") === true,
          PATIENCE,
        );
        expect(lab.carried("p1")).not.toContain(before);
        const check = (pod: string, prevResult: string, ipam: object) =>
          lab.lease("CHECK", pod, { ipam, prevResult: JSON.parse(prevResult), version: "1.0.0" });
        expect((await check("p1", follows.stdout, {})).exit).toBe(0);
        await until(
          "the other pod has a lease too",
          async () => ((await lab.leases()) ?? []).every(({ state }) => state === "bound"),
          PATIENCE,
        );
        expect(lab.carried("p2")).toEqual([kept ?? ""]);
        expect(codeOf(await check("p2", stays.stdout, { onChange: "fail" }))).toBe(100);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "a pool that is empty fails one ADD in time, and serves it when there is room",
    () =>
      withLab(async (lab) => {
        const server = await kea4(lab, { pool: "10.66.40.1 - 10.66.40.1" });
        await lab.daemon();
        for (const pod of ["p1", "p2"]) lab.plug(pod);
        expect((await lab.lease("ADD", "p1")).exit).toBe(0);
        const refused = await lab.lease("ADD", "p2", { env: { BERTH_SHIM_TIMEOUT_MS: "3000" } });
        expect(codeOf(refused)).toBe(11);
        expect(refused.stdout).toContain("no DHCP lease");
        expect((await lab.lease("DEL", "p1")).exit).toBe(0);
        await until("the address is free", () => server.held().length === 0);
        const served = await lab.lease("ADD", "p2");
        expect(addressesOf(served.stdout)).toEqual(["10.66.40.1"]);
      }),
    LIMIT,
  );

  test.concurrent(
    "two servers: one lease, of one of them",
    () =>
      withLab(async (lab) => {
        const servers = await Promise.all([kea4(lab), dhcpd(lab)]);
        await lab.daemon();
        for (const index of [1, 2, 3]) expect((await lab.attach("ADD", `p${index}`)).exit).toBe(0);
        const held = servers.flatMap((server) => server.held()).sort();
        const carried = [1, 2, 3].flatMap((index) => lab.carried(`p${index}`)).sort();
        expect(held).toEqual(carried);
        for (const index of [1, 2, 3]) expect((await lab.attach("DEL", `p${index}`)).exit).toBe(0);
        await until("nothing is held", () => servers.every((server) => server.held().length === 0));
      }),
    LIMIT,
  );

  test.concurrent(
    "an address that another host uses is declined",
    () =>
      withLab(async (lab) => {
        const server = await kea4(lab, { pool: "10.66.40.1 - 10.66.40.2" });
        lab.host("squatter", "10.66.40.1/16");
        await lab.daemon();
        const wire = new Capture(server.namespace, "eth0");
        lab.plug("p1");
        const added = await lab.lease("ADD", "p1");
        expect(addressesOf(added.stdout), added.stdout).toEqual(["10.66.40.2"]);
        expect(wire.count("DECLINE")).toBe(1);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "through a relay, which also carries the renewals",
    () =>
      withLab(async (lab) => {
        const relay = lab.host("relay", "10.66.0.9/16");
        const far = lab.namespaces.add("far");
        ip("-n", relay, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", far);
        ip("-n", relay, "addr", "add", "10.77.0.1/24", "dev", "up0");
        ip("-n", far, "addr", "add", "10.77.0.2/24", "dev", "eth0");
        ip("-n", relay, "link", "set", "up0", "up");
        ip("-n", far, "link", "set", "eth0", "up");
        ip("-n", far, "route", "add", "10.66.0.0/16", "via", "10.77.0.1");
        ip("netns", "exec", relay, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward");
        const server = await kea4(lab, { times: { lease: 20, t1: 3, t2: 15 }, namespace: far });
        const command = [
          "/usr/sbin/dhcrelay",
          "-4",
          "-d",
          "--no-pid",
          "-id",
          "eth0",
          "-iu",
          "up0",
          "10.77.0.2",
        ];
        lab.run(relay, command, "relay.log");
        await until("the relay listens", () => lab.read("relay.log").includes("Sending on"));
        await lab.daemon();
        const wire = new Capture(far, "eth0");
        const added = await lab.attach("ADD", "p1");
        const [address = ""] = addressesOf(added.stdout);
        expect(server.held()).toEqual([address]);
        await until(
          "a renewal that the server confirms",
          () =>
            wire.seen.some(({ what, from }) => what === "REQUEST" && from === address) &&
            wire.count("ACK") >= 2,
          PATIENCE,
        );
        expect((await lab.attach("DEL", "p1")).exit).toBe(0);
        await until("nothing is held", () => server.held().length === 0);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "whatever rp_filter is, with broadcast answers and with unicasts",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        for (const filter of [0, 1, 2]) {
          const pod = `p${filter}`;
          const namespace = lab.plug(pod);
          const paths = ["all", "net1"].map((name) => `/proc/sys/net/ipv4/conf/${name}/rp_filter`);
          ip(
            "netns",
            "exec",
            namespace,
            "sh",
            "-c",
            paths.map((path) => `echo ${filter} >${path}`).join("; "),
          );
          expect((await lab.lease("ADD", pod)).exit).toBe(0);
        }
        await lab.stopDaemon("SIGTERM");
        await lab.daemon("-broadcast");
        const wire = new Capture(server.namespace, "eth0");
        lab.plug("p3");
        expect((await lab.lease("ADD", "p3")).exit).toBe(0);
        await until("the answers are seen", () => wire.count("ACK") === 1);
        expect([wire.count("OFFER", "broadcast"), wire.count("ACK", "broadcast")]).toEqual([1, 1]);
        expect(server.held().length).toBe(4);
        for (const index of [0, 1, 2, 3]) expect((await lab.lease("DEL", `p${index}`)).exit).toBe(0);
        await until("nothing is held", () => server.held().length === 0);
        wire.close();
      }),
    LIMIT,
  );
});
