import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/clock.ts";
import { parseCidr } from "../src/ip/cidr.ts";
import { lintNetworks } from "../src/lint/index.ts";
import { selfSigned } from "../src/webhook/certificate.ts";
import { WebhookServer } from "../src/webhook/server.ts";
import type { Json } from "../test/apiserver/json.ts";
import { type RunningApiServer, send, startApiServer } from "../test/apiserver/start.ts";
import { Browser, hasChromium } from "../test/web/browser.ts";
import { median } from "./measure.ts";

const POOLS = 100;
const HELD = 1_000;
const LOADS = 5;
const CHANGES = 5;
const REVIEWS = 300;
const NAMESPACE = "kube-system";

/** Milliseconds. */
export type PageFigures = {
  readonly load: number;
  readonly loadMost: number;
  readonly change: number;
  readonly changeMost: number;
  readonly memory: number;
};
export type WebhookFigures = { readonly p50: number; readonly p99: number };

/** A page of `berth ui` over 100 pools with 1,000 addresses each, in chromium; undefined where there is none. */
export async function measurePage(): Promise<PageFigures | undefined> {
  const berth = join(import.meta.dir, "../dist/berth");
  if (!hasChromium || !existsSync(berth)) return undefined;
  const server = await startApiServer({ kind: "double", crds: "berth" });
  for (let index = 0; index < POOLS; index++) server.double?.seed(poolOf(index));
  const child = Bun.spawn([berth, "ui", "--kubeconfig", server.kubeconfigPath], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const browser = new Browser();
  try {
    const { value } = await child.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    const { page } = await browser.open(url);
    const cards = page.locator(".cards .card");
    await cards.nth(POOLS - 1).waitFor();
    const loads: number[] = [];
    for (let run = 0; run < LOADS; run++) {
      const started = performance.now();
      await page.goto(new URL("/", url).href, { waitUntil: "commit" });
      await cards.nth(POOLS - 1).waitFor();
      loads.push(performance.now() - started);
    }
    const changes: number[] = [];
    for (let run = 0; run < CHANGES; run++) {
      const total = (POOLS * HELD + run + 1).toLocaleString("en");
      await hold(server, run, HELD + run + 1);
      const started = performance.now();
      await page.getByText(total, { exact: true }).waitFor();
      changes.push(performance.now() - started);
    }
    const memory = residentOf(child.pid);
    return {
      load: median(loads),
      loadMost: Math.max(...loads),
      change: median(changes),
      changeMost: Math.max(...changes),
      memory,
    };
  } finally {
    await browser.close();
    child.kill("SIGTERM");
    await child.exited;
    await server.stop();
  }
}

function poolOf(index: number): Json {
  const allocations = Object.fromEntries(
    Array.from({ length: HELD }, (_, offset) => [String(offset + 1), entry(index, offset + 1)]),
  );
  return {
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: { name: `10.${index}.0.0-16`, namespace: NAMESPACE },
    spec: { range: `10.${index}.0.0/16`, allocations },
  };
}

function entry(pool: number, offset: number): object {
  return {
    id: `sandbox-${pool}-${offset}`,
    podref: `default/pod-${pool}-${offset}`,
    ifname: "net1",
    uid: `uid-${pool}-${offset}`,
    node: `node-${offset % 50}`,
    since: "2026-01-01T00:00:00Z",
    network: "net",
  };
}

async function hold({ transport }: RunningApiServer, pool: number, offset: number): Promise<void> {
  const path = `/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/${NAMESPACE}/ippools/10.${pool}.0.0-16`;
  const patch = [{ op: "add", path: `/spec/allocations/${offset}`, value: entry(pool, offset) }];
  const type = { "content-type": "application/json-patch+json" };
  const answer = await send(transport, "PATCH", path, patch, type);
  if (answer.status !== 200) throw new Error(answer.body);
}

/** MiB. */
function residentOf(pid: number): number {
  const { stdout } = Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)]);
  return Math.round(Number(stdout.toString().trim()) / 1024);
}

/** What the API server waits for: a review over TLS on an open connection, with 200 networks and 100 pools known. */
export async function measureWebhook(): Promise<WebhookFigures> {
  const networks = Array.from({ length: 200 }, (_, index) => {
    return lintNetworks(JSON.stringify(netconf(`10.${index}.0.0/16`)), `net-${index}`).networks;
  }).flat();
  const pools = Array.from({ length: POOLS }, (_, index) => {
    const range = parseCidr(`10.${index}.0.0/16`);
    if (!range.ok) throw new Error(range.error.hint);
    return { pool: { networkName: "", range: range.value }, used: 1_000n };
  });
  const identity = selfSigned(["localhost"], Date.now(), 1);
  const knowledge = () => ({ networks, pools });
  const log = () => undefined;
  const place = { hostname: "127.0.0.1", port: 0 };
  const server = new WebhookServer({ ...place, identity, knowledge, clock: systemClock, log });
  const times: number[] = [];
  try {
    for (let run = -50; run < REVIEWS; run++) {
      const body = JSON.stringify(reviewOf(`new-${run}`));
      const started = performance.now();
      const answer = await fetch(`https://localhost:${server.port}/validate`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        tls: { ca: identity.certificate },
      });
      const text = await answer.text();
      if (!text.includes('"allowed":true')) throw new Error(text);
      if (run >= 0) times.push(performance.now() - started);
    }
  } finally {
    await server.stop();
  }
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: median(times), p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN };
}

function netconf(range: string): object {
  const ipam = {
    type: "whereabouts",
    range,
    exclude: [range.replace(/0\/16$/, "0/28")],
    gateway: range.replace(/0\/16$/, "1"),
  };
  return { cniVersion: "1.0.0", name: "net", type: "macvlan", master: "eth1", mode: "bridge", ipam };
}

function reviewOf(name: string): object {
  const object = {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace: "default" },
    spec: { config: JSON.stringify(netconf("172.16.0.0/16")) },
  };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { uid: name, operation: "CREATE", object },
  };
}
