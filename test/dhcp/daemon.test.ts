import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BERTH, until } from "../agent/agent.ts";
import { addressesOf, codeOf } from "../system/plugin.ts";
import { Capture } from "./capture.ts";
import { type DhcpLab, withLab } from "./lab.ts";
import { whyNoServers } from "./needs.ts";
import { dnsmasq, kea4 } from "./servers.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`test/dhcp/daemon.test.ts: left out, ${why}`);

const PATIENCE = 60_000;
const LIMIT = 150_000;

function descriptors(lab: DhcpLab): number {
  return readdirSync(`/proc/${lab.daemonPid}/fd`).length;
}

function threads(lab: DhcpLab): number {
  return Number(/^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${lab.daemonPid}/status`, "utf8"))?.[1]);
}

describe.skipIf(why !== undefined)("the DHCP daemon", () => {
  test.concurrent(
    "killed and started anew it keeps every lease in silence, renews it in time, and gives it back",
    () =>
      withLab(async (lab) => {
        const server = await kea4(lab, { times: { lease: 60, t1: 12, t2: 40 } });
        await lab.daemon();
        const pods = ["p1", "p2", "p3", "p4"];
        for (const pod of pods) lab.plug(pod);
        const added = await Promise.all(pods.map((pod) => lab.lease("ADD", pod)));
        const addresses = added.flatMap(({ stdout }) => addressesOf(stdout)).sort();
        expect(new Set(addresses).size).toBe(4);

        const wire = new Capture(server.namespace, "eth0");
        await lab.restartDaemon("SIGKILL");
        const kept = (await lab.leases()) ?? [];
        expect(kept.map(({ address }) => address?.replace("/16", "")).sort()).toEqual(addresses);
        expect(kept.map(({ state }) => state)).toEqual(pods.map(() => "bound"));
        expect(wire.seen.filter(({ what }) => what !== "other" && !what.startsWith("ARP"))).toEqual([]);
        const again = await Promise.all(pods.map((pod) => lab.lease("ADD", pod)));
        expect(again.flatMap(({ stdout }) => addressesOf(stdout)).sort()).toEqual(addresses);
        await until("four renewals", () => wire.count("ACK") >= 4, PATIENCE);
        expect(wire.count("DISCOVER")).toBe(0);
        expect(wire.count("REQUEST", "unicast")).toBeGreaterThanOrEqual(4);

        for (const pod of pods) expect((await lab.lease("DEL", pod)).exit).toBe(0);
        await until("the server holds none", () => server.held().length === 0);
        expect(await lab.leases()).toEqual([]);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "past T1 at its start it has the lease confirmed; one whose time is over is lost",
    () =>
      withLab(async (lab) => {
        const server = await kea4(lab, { times: { lease: 14, t1: 3, t2: 10 } });
        await lab.daemon();
        const added = await lab.attach("ADD", "p1");
        const [address = ""] = addressesOf(added.stdout);
        await lab.stopDaemon("SIGKILL");
        const wire = new Capture(server.namespace, "eth0");
        const since = performance.now();
        await until("T1 is past", () => performance.now() - since > 4_000);
        await lab.daemon();
        await until("a broadcast REQUEST from nowhere: INIT-REBOOT", () =>
          wire.seen.some(
            ({ what, from, how }) => what === "REQUEST" && from === "0.0.0.0" && how === "broadcast",
          ),
        );
        await until("its confirmation", () => wire.count("ACK") >= 1);
        expect(lab.carried("p1")).toEqual([address]);

        await lab.stopDaemon("SIGKILL");
        await server.stop("SIGKILL");
        await Bun.sleep(15_000); // nothing but time makes a lease end
        await lab.daemon();
        await until("the interface is down", () => !lab.isUp("p1"), PATIENCE);
        expect(lab.carried("p1")).toEqual([]);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "a pod that vanishes without a DEL, and a DEL while no daemon is there, reach the server in the end",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon("-sweep", "300ms");
        for (const pod of ["gone", "late", "killed"]) expect((await lab.attach("ADD", pod)).exit).toBe(0);
        expect((await lab.attach("ADD", "mac", { main: "macvlan" })).exit).toBe(0);
        expect(server.held().length).toBe(4);
        lab.removePod("gone");
        await until(
          "the lease of the pod that is gone is given back",
          () => server.held().length === 3,
          PATIENCE,
        );

        await lab.stopDaemon("SIGKILL");
        expect((await lab.attach("DEL", "late")).exit).toBe(0);
        expect((await lab.attach("DEL", "mac", { main: "macvlan" })).exit).toBe(0);
        lab.removePod("killed");
        expect(codeOf(await lab.lease("ADD", "other"))).toBe(11);
        expect(server.held().length).toBe(3);
        await lab.daemon("-sweep", "300ms");
        await until("nothing is held", () => server.held().length === 0, PATIENCE);
        await until("nothing is kept", async () => (await lab.leases())?.length === 0);
      }),
    LIMIT,
  );

  test.concurrent(
    "a crowd at once: as many addresses, no thread and no descriptor for each lease, all given back",
    () =>
      withLab(async (lab) => {
        const size = 40;
        const server = await dnsmasq(lab);
        await lab.daemon("-metrics-address", "off");
        const pods = Array.from({ length: size }, (_, index) => `p${index}`);
        for (const pod of pods) lab.plug(pod);
        const before = descriptors(lab);
        const added = await Promise.all(pods.map((pod) => lab.lease("ADD", pod)));
        expect(new Set(added.flatMap(({ stdout }) => addressesOf(stdout))).size).toBe(size);
        await until("sockets are closed", () => descriptors(lab) <= before + 1);
        expect(threads(lab)).toBeLessThanOrEqual(12);
        const keep = pods.slice(0, 10).map((pod) => ({ containerID: `sandbox-${pod}`, ifname: "net1" }));
        const collected = await lab.lease("GC", "p0", { top: { "cni.dev/valid-attachments": keep } });
        expect(collected.exit, collected.stdout).toBe(0);
        await until("GC gives back what is not to be kept", () => server.held().length === 10);
        await Promise.all(pods.map((pod) => lab.lease("DEL", pod)));
        await until("the server holds none", () => server.held().length === 0);
      }),
    LIMIT,
  );

  test.concurrent(
    "a crowd that no server answers: each ADD fails with its code, and nothing is left when the server is back",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon("-resendtimeout", "3s");
        const pods = Array.from({ length: 70 }, (_, index) => `p${index}`);
        for (const pod of pods) lab.plug(pod);
        server.pause();
        const before = descriptors(lab);
        const codes = await Promise.all(pods.map(async (pod) => codeOf(await lab.lease("ADD", pod))));
        expect(new Set(codes)).toEqual(new Set([11]));
        await until("nothing is kept", async () => (await lab.leases())?.length === 0);
        await until("sockets are closed", () => descriptors(lab) <= before + 1);
        server.resume();
        await until("the server is through", async () => (await lab.lease("ADD", "p0")).exit === 0, PATIENCE);
        expect(server.held()).toHaveLength(1);
      }),
    LIMIT,
  );

  test.concurrent(
    "one daemon at a time, a private socket, a pid file, Go's flags; and the agent in its place",
    () =>
      withLab(async (lab) => {
        await dnsmasq(lab);
        const pidfile = lab.file("pid");
        await lab.daemon(
          "--pidfile",
          pidfile,
          "-timeout=2s",
          "-resendmax",
          "10s",
          "--resendtimeout",
          "1m",
          "-broadcast=true",
        );
        expect(readFileSync(pidfile, "utf8")).toBe(String(lab.daemonPid));
        expect(statSync(lab.socket).mode & 0o777).toBe(0o600);
        const run = (...args: string[]) => {
          const { exitCode, stderr } = Bun.spawnSync([BERTH, ...args]);
          return `${exitCode} ${stderr.toString()}`;
        };
        const state = ["-state-dir", lab.file("state")];
        expect(run("dhcp-daemon", "-socketpath", lab.socket, ...state)).toContain(
          "1 berth dhcp-daemon: another",
        );
        const elsewhere = ["-socketpath", lab.file("other.sock")];
        expect(run("dhcp-daemon", ...elsewhere, ...state)).toContain("another daemon keeps the leases");
        expect(run("dhcp-daemon", "-pidfile", "pid")).toContain(
          'Error writing pidfile "pid": path not absolute',
        );
        expect(run("dhcp-daemon", "-timeout", "soon")).toStartWith("2 ");

        lab.plug("p1");
        expect((await lab.lease("ADD", "p1")).exit).toBe(0);
        const shown = Bun.spawnSync([BERTH, "leases", "--socket", lab.socket]).stdout.toString();
        expect(shown).toContain("default/p1");
        expect(shown).toContain("bound");
        await lab.stopDaemon("SIGTERM");
        expect(existsSync(pidfile)).toBe(false);
        expect(existsSync(lab.socket)).toBe(false);

        const agent = ["agent", "--dhcp", "--socket", lab.socket, "--state-dir", lab.file("state")];
        lab.run(lab.node, [BERTH, ...agent, "--metrics-address", "127.0.0.1:9999"], "agent.log");
        await until("the agent has the lease", async () => (await lab.leases())?.length === 1);
        const curl = () => {
          const fetch = 'console.log(await (await fetch("http://127.0.0.1:9999/metrics")).text())';
          const bun = join(import.meta.dir, "../../node_modules/.bin/bun");
          return Bun.spawnSync(["ip", "netns", "exec", lab.node, bun, "-e", fetch]).stdout.toString();
        };
        expect(curl()).toContain('berth_dhcp_leases{state="bound"} 1');
        expect((await lab.lease("DEL", "p1")).exit).toBe(0);
        expect(curl()).toContain('berth_dhcp_events_total{event="released"} 1');
      }),
    LIMIT,
  );
});
