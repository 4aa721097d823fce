import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { Client } from "../../src/kube/client.ts";
import { acquire } from "../../src/store/contract.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import type { Double } from "../apiserver/double.ts";
import { type RunningApiServer, send, startApiServer } from "../apiserver/start.ts";
import { keepingCrds, NAMESPACE } from "../store/cluster.ts";
import { entriesOf, reservationsOf } from "../store/ledger.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

/** A swap as the kubelet does it: a new folder, and the link `..data` renamed over the old one. */
function mount(folder: string, name: string, expression: string): void {
  const data = `..${name}`;
  mkdirSync(join(folder, data));
  writeFileSync(join(folder, data, "config"), `${expression}\n`);
  symlinkSync(data, join(folder, "..data_tmp"));
  renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
}

class Copy {
  readonly child;
  lines = "";

  constructor(kubeconfig: string, schedule: string, ...more: string[]) {
    const args = [
      "reconciler",
      "--kubeconfig",
      kubeconfig,
      "--schedule-dir",
      schedule,
      "--grace",
      "1s",
      ...more,
    ];
    this.child = Bun.spawn([process.execPath, MAIN, ...args], { stderr: "pipe", stdout: "ignore" });
    void this.#read();
  }

  async until(text: string | RegExp): Promise<void> {
    await until(
      () => (typeof text === "string" ? this.lines.includes(text) : text.test(this.lines)),
      () => this.lines,
    );
  }

  async stop(): Promise<number> {
    this.child.kill("SIGTERM");
    return this.child.exited;
  }

  async #read(): Promise<void> {
    for await (const chunk of this.child.stderr) this.lines += new TextDecoder().decode(chunk);
  }
}

async function until(condition: () => boolean, say: () => string = () => ""): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 400) throw new Error(`still not so after 20 s\n${say()}`);
    await Bun.sleep(50);
  }
}

describe("berth reconciler as a process", () => {
  let server: RunningApiServer;
  let double: Double;
  let folder: string;
  let schedule: string;

  beforeAll(async () => {
    server = await startApiServer({ kind: "double", crds: keepingCrds() });
    if (!server.double) throw new Error("the double was asked for");
    double = server.double;
    folder = mkdtempSync(join(tmpdir(), "berth-reconciler-"));
    schedule = join(folder, "cron-schedule");
    mkdirSync(schedule);
    mount(schedule, "2024_02_02_16_26_17", "30 4 * * *");
    symlinkSync("..data/config", join(schedule, "config"));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  async function strand(name: string): Promise<void> {
    const client = new Client(server.transport, systemClock, { namespace: NAMESPACE });
    const options = { clock: systemClock, log: () => undefined, staying: false, patience: 10_000 };
    const store = new KubernetesStore(client, options);
    const done = await store.commit([acquire("10.0.0.0/24", { pod: name })]);
    expect(done).toMatchObject({ ok: true, value: [{ kind: "acquired" }] });
  }

  test("frees what is stranded, reloads its schedule, hands over to another copy, and tells people", async () => {
    const copies = [
      new Copy(server.kubeconfigPath, schedule, "--log-format", "whereabouts", "-log-level", "debug"),
    ];
    try {
      const [first] = copies as [Copy];
      await first.until("reconciler success");
      const second = new Copy(server.kubeconfigPath, schedule, "--metrics-address", "127.0.0.1:0");
      copies.push(second);
      await strand("gone");
      // A pod that ends wakes it; otherwise it would look once a minute.
      double.seed({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "gone", namespace: "default" },
        spec: { nodeName: "node-a", containers: [{ name: "c", image: "i" }] },
      });
      await send(server.transport, "DELETE", "/api/v1/namespaces/default/pods/gone?gracePeriodSeconds=0");
      await first.until("successfully cleanup IPs: [10.0.0.1]");
      expect([...entriesOf(double), ...reservationsOf(double)]).toEqual([]);
      await until(() => eventsOf(double).includes("IPAddressGarbageCollected"));

      mount(schedule, "2024_02_02_16_33_54", "*/15 * * * *");
      await first.until(
        /\[verbose\] successfully updated CRON configuration id "[0-9a-f-]{36}" - new cron expression: \*\/15/,
      );
      expect(first.lines).toMatch(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[verbose\] using expression: \*\/15 \* \* \* \*$/m,
      );
      expect(first.lines).toContain(
        `[verbose] configuration updated to file "${schedule}/..data". New cron expression: */15 * * * *`,
      );
      mount(schedule, "2024_02_02_16_40_00", "*/10 * * * * *");
      await first.until("has a field for seconds, which is not supported");

      expect(second.lines).not.toContain('"msg":"leading"');
      expect(await first.stop()).toBe(0);
      await second.until('"msg":"leading"');
      await second.until('"msg":"reconciler success"');
    } finally {
      for (const copy of copies) await copy.stop();
    }
  });

  test("berth reconcile shows what it would free, and frees it", async () => {
    await strand("left");
    const run = async (...args: string[]) => {
      const child = Bun.spawn(
        [process.execPath, MAIN, "reconcile", "--kubeconfig", server.kubeconfigPath, ...args],
        {
          stdout: "pipe",
        },
      );
      return { text: await new Response(child.stdout).text(), code: await child.exited };
    };
    const dry = await run("--dry-run");
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.text).toContain("10.0.0.1");
    expect(dry.text).toContain("the pod is gone");
    expect(entriesOf(double)).toHaveLength(1);
    const once = await run("--once", "--grace", "200ms", "-o", "json");
    expect(once.code).toBe(0);
    expect(JSON.parse(once.text)).toMatchObject([
      { address: "10.0.0.1", pod: "default/left", outcome: "done" },
    ]);
    expect([...entriesOf(double), ...reservationsOf(double)]).toEqual([]);
    expect((await run("--once", "--dry-run")).code).toBe(2);
  });
});

function eventsOf(double: Double): string {
  return double
    .objects({ group: "", plural: "events" })
    .map(({ reason }) => String(reason))
    .join(" ");
}
