import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { acquire } from "../../src/store/contract.ts";
import { openKubernetes } from "../../src/store/kubernetes/open.ts";
import { until, withAgent } from "../agent/agent.ts";
import { Authority } from "../apiserver/certificates.ts";
import type { Double } from "../apiserver/double.ts";
import { writeKubeconfig } from "../apiserver/kubeconfig.ts";
import { withApiServer } from "../apiserver/start.ts";
import { addressesOf, call } from "../system/plugin.ts";
import { entriesOf, reservationsOf } from "./ledger.ts";

test(
  "a DEL while the API server is away is owed, survives kill -9, and is done when the server is back",
  () =>
    withApiServer(
      (server) =>
        withAgent(async (agent) => {
          const { gateway } = server.double as Double;
          const kubernetes = { kubeconfig: server.kubeconfigPath };
          const ipam = { type: "whereabouts", range: "10.0.0.0/24", kubernetes };
          const config = { cniVersion: "1.0.0", name: "net", type: "bridge", ipam };
          const through = (verb: string, pod: string) => call({ verb, pod, config, env: agent.env });
          const owed = async () => (await agent.status())?.journal.depth;
          for (const pod of ["p1", "p2", "p3"]) expect((await through("ADD", pod)).exit).toBe(0);

          gateway.stop();
          const ended = [through("DEL", "p1"), through("DEL", "p2"), through("ADD", "p4")] as const;
          const [first, second, added] = await Promise.all(ended);
          expect([first.exit, second.exit, await owed()]).toEqual([0, 0, 2]);
          expect([added.exit, JSON.parse(added.stdout)]).toMatchObject([1, { code: 11 }]);
          await agent.signal("SIGKILL");
          await agent.start();
          // It has never seen the server, and says so at once.
          const status = await agent.status();
          expect([status?.journal.depth, status?.stores.map(({ error }) => error !== undefined)]).toEqual([
            2,
            [true],
          ]);
          expect(entriesOf(server.double as Double).length).toBe(3);
          // The runtime repeats it while the journal's own attempt is under way.
          expect([(await through("DEL", "p1")).exit, await owed()]).toEqual([0, 2]);

          gateway.start();
          // p2 is back, mostly before its DEL is done, which keeps it its address: what it holds now must stay.
          const again = addressesOf((await through("ADD", "p2")).stdout);
          expect([["10.0.0.1"], ["10.0.0.2"]]).toContainEqual(again);
          await until("the journal is empty", async () => (await owed()) === 0, 25_000);
          const left = (lines: readonly string[]) => lines.map((line) => line.split(" ")[0]);
          expect(left(entriesOf(server.double as Double))).toEqual([...again, "10.0.0.3"]);
          expect(left(reservationsOf(server.double as Double))).toEqual([...again, "10.0.0.3"]);
        }),
      { kind: "double", crds: "berth" },
    ),
  90_000,
);

test.each([true, false])(
  "a server whose certificate another authority has signed is not trusted, and said so at once (agent: %p)",
  (staying) =>
    withApiServer(
      async (server) => {
        const folder = mkdtempSync(join(tmpdir(), "berth-ca-"));
        const kubeconfig = join(folder, "kubeconfig");
        const other = new Authority(folder);
        writeKubeconfig(kubeconfig, {
          server: server.url,
          ca: other.certificate,
          ...other.forUser("node", []),
        });
        const options = { clock: systemClock, log: () => undefined, patience: 10_000, staying };
        const store = openKubernetes({ kind: "kubernetes", kubeconfig }, options);
        if (!store.ok) throw new Error(store.error.message);
        for (const change of [
          acquire("10.0.0.0/24"),
          { kind: "release", sandbox: "s", ifname: "net1" } as const,
        ]) {
          const started = performance.now();
          const answer = await store.value.commit([change]);
          expect(answer).toMatchObject({
            ok: false,
            error: {
              code: "store_untrusted",
              retry: "permanent",
              hint: expect.stringMatching(/certificate/),
            },
          });
          // Well within the patience: nothing that waiting could mend.
          expect(performance.now() - started).toBeLessThan(5_000);
        }
        store.value.close();
        rmSync(folder, { recursive: true });
      },
      { kind: "double", tls: true },
    ),
  60_000,
);
