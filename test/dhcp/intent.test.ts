import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../agent/agent.ts";
import { addressesOf, codeOf } from "../system/plugin.ts";
import { Capture } from "./capture.ts";
import { type AttachOptions, type DhcpLab, withLab } from "./lab.ts";
import { whyNoServers } from "./needs.ts";
import { dnsmasq, type Server } from "./servers.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`test/dhcp/intent.test.ts: left out, ${why}`);

const LIMIT = 120_000;
const PATIENCE = 40_000;
/** The probe takes seconds: so long is a lease at the server and not yet in the journal. */
const SLOW: AttachOptions = { ipam: { probeTiming: "rfc5227" } };

/** An ADD whose daemon dies when `what` is on the wire; nobody gets an answer. */
async function cutOff(lab: DhcpLab, server: Server, what: "REQUEST" | "ACK"): Promise<void> {
  lab.plug("p1");
  const wire = new Capture(server.namespace, "eth0");
  const adding = lab.lease("ADD", "p1", SLOW);
  await until(`${what} on the wire`, () => wire.count(what) > 0);
  await lab.stopDaemon("SIGKILL");
  expect(codeOf(await adding)).toBe(11);
  wire.close();
}

describe.skipIf(why !== undefined)("a daemon that is killed within an ADD", () => {
  test.concurrent(
    "before the intent is written: the server has not been asked for anything",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        lab.plug("p1");
        const wire = new Capture(server.namespace, "eth0");
        server.pause();
        const adding = lab.lease("ADD", "p1");
        await until("the first question", () => wire.count("DISCOVER") > 0);
        const journal = new Database(join(lab.file("state"), "dhcp.db"), { readwrite: true });
        journal.run("BEGIN IMMEDIATE"); // the daemon waits two seconds for it
        server.resume();
        await until("the offer", () => wire.count("OFFER") > 0);
        await Bun.sleep(500); // what does not happen has no moment to wait for
        expect(wire.count("REQUEST")).toBe(0);
        await lab.stopDaemon("SIGKILL");
        journal.run("ROLLBACK");
        journal.close();
        expect(codeOf(await adding)).toBe(11);
        expect(server.held()).toEqual([]);
        await lab.daemon();
        expect(await lab.leases()).toEqual([]);
        wire.close();
      }),
    LIMIT,
  );

  test.concurrent.each(["REQUEST", "ACK"] as const)(
    "at the %s: the next daemon gives back what the server may have given, and the pod can have an address",
    (what) =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        await cutOff(lab, server, what);
        if (what === "ACK") expect(server.held()).toHaveLength(1);
        await lab.daemon();
        await until("the server holds none", () => server.held().length === 0, PATIENCE);
        await until("nothing is kept", async () => (await lab.leases())?.length === 0);
        const added = await lab.lease("ADD", "p1");
        expect(server.held()).toEqual(addressesOf(added.stdout));
      }),
    LIMIT,
  );

  test.concurrent(
    "at the ACK, and the pod is gone by the time of the next daemon",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        await cutOff(lab, server, "ACK");
        expect(server.held()).toHaveLength(1);
        lab.removePod("p1");
        await lab.daemon();
        await until("the server holds none", () => server.held().length === 0, PATIENCE);
        await until("nothing is kept", async () => (await lab.leases())?.length === 0);
      }),
    LIMIT,
  );

  test.concurrent(
    "an ADD right after the start waits until the lease of the one that was cut off is given back",
    () =>
      withLab(async (lab) => {
        const server = await dnsmasq(lab);
        await lab.daemon();
        await cutOff(lab, server, "ACK");
        await lab.daemon();
        const added = await lab.lease("ADD", "p1");
        expect(added.exit, added.stdout).toBe(0);
        await Bun.sleep(1_000); // a release that came too late would take it away
        expect(server.held()).toEqual(addressesOf(added.stdout));
      }),
    LIMIT,
  );
});
