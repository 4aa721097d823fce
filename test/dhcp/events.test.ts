import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { EVENTS } from "../../src/kube/objects.ts";
import { openCluster } from "../../src/store/kubernetes/cluster.ts";
import { BERTH, until } from "../agent/agent.ts";
import { startApiServer } from "../apiserver/start.ts";
import { withLab } from "./lab.ts";
import { whyNoServers } from "./needs.ts";
import { kea4 } from "./servers.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`test/dhcp/events.test.ts: left out, ${why}`);

const FLAT = "etc/cni/net.d/whereabouts.d";

describe.skipIf(why !== undefined)("what befalls a lease", () => {
  test(
    "is an Event on the pod, by the kubeconfig that the flat file of whereabouts names",
    () =>
      withLab(async (lab) => {
        const api = await startApiServer();
        try {
          // A host's root as the daemon sees it in a container. It runs where the API server is.
          const host = lab.file("host");
          mkdirSync(join(host, FLAT), { recursive: true });
          symlinkSync("/run", join(host, "run"));
          copyFileSync(api.kubeconfigPath, join(host, "kubeconfig"));
          await Bun.write(
            join(host, FLAT, "whereabouts.conf"),
            JSON.stringify({ kubernetes: { kubeconfig: "/kubeconfig" } }),
          );
          const server = await kea4(lab, { times: { lease: 8, t1: 2, t2: 5 } });
          const flags = ["-hostprefix", host, "-socketpath", "/dhcp.sock", "-state-dir", "/state"];
          const socket = join(host, "dhcp.sock");
          const daemon = Bun.spawn([BERTH, "dhcp-daemon", ...flags], {
            stderr: Bun.file(lab.file("daemon-x.log")),
          });
          try {
            lab.plug("p1");
            const ipam = { daemonSocketPath: socket };
            const env = { BERTH_SOCKET: socket };
            await until("the lease", async () => (await lab.lease("ADD", "p1", { ipam, env })).exit === 0);
            await server.stop("SIGKILL");
            const client = openCluster({ kind: "kubernetes", kubeconfig: api.kubeconfigPath }, systemClock);
            if (!client.ok) throw new Error(client.error.message);
            const told = async () => {
              const events = await client.value.list(EVENTS, { namespace: "default" });
              // An API server may tell of itself there.
              return events.ok
                ? events.value.items.filter(({ involvedObject }) => involvedObject.kind === "Pod")
                : [];
            };
            await until("the Event", async () => (await told()).length > 0, 40_000);
            const [event] = await told();
            expect(event).toMatchObject({
              reason: "DHCPLeaseExpired",
              involvedObject: { kind: "Pod", name: "p1" },
            });
            expect(event?.message).toContain("the interface was taken down");
            expect(lab.isUp("p1")).toBe(false);
          } finally {
            daemon.kill("SIGKILL");
            await daemon.exited;
          }
        } finally {
          await api.stop();
        }
      }),
    90_000,
  );
});
