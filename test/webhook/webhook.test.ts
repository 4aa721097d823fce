import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { valuesOf } from "../../deploy/model/values.ts";
import { webhook } from "../../deploy/model/webhook.ts";
import { systemClock } from "../../src/clock.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { ATTACHMENTS } from "../../src/kube/objects.ts";
import { networksOf } from "../../src/lint/index.ts";
import type { Manifest } from "../../src/operator/workload/pod.ts";
import { openCluster } from "../../src/store/kubernetes/cluster.ts";
import { bundleWith, selfSigned } from "../../src/webhook/certificate.ts";
import { CONFIGURATIONS } from "../../src/webhook/registration.ts";
import { judge } from "../../src/webhook/review.ts";
import { WebhookServer } from "../../src/webhook/server.ts";
import { until } from "../agent/agent.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";
import { withRoles } from "../deploy/roles.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const DAY = 86_400_000;

const attachment = (name: string, ipam: object) => ({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name, namespace: "default" },
  spec: {
    config: JSON.stringify({
      cniVersion: "1.0.0",
      name,
      type: "macvlan",
      ipam: { type: "whereabouts", ...ipam },
    }),
  },
});
const nothing = { networks: [], pools: [] };
const reviewOf = (operation: string, object: unknown, oldObject?: unknown) => ({
  uid: "u",
  operation,
  object,
  oldObject,
});

describe("judge", () => {
  test("what lint refuses is refused with path and hint; what is well passes", () => {
    expect(judge(reviewOf("CREATE", attachment("a", { range: "10.0.0.0/24" })), nothing)).toEqual({
      uid: "u",
      allowed: true,
    });
    const refused = judge(reviewOf("CREATE", attachment("a", { range: "10.0.0.0/33" })), nothing);
    expect(refused).toMatchObject({ allowed: false, status: { code: 422, reason: "Invalid" } });
    expect(refused.status?.message).toContain("spec.config: ipam.range");
  });

  test("never in the way: deletes, objects on their way out, and what was wrong before", () => {
    const bad = attachment("a", { range: "10.0.0.0/33" });
    expect(judge(reviewOf("DELETE", null, bad), nothing).allowed).toBe(true);
    const leaving = { ...bad, metadata: { ...bad.metadata, deletionTimestamp: "2030-01-01T00:00:00Z" } };
    expect(judge(reviewOf("UPDATE", leaving, bad), nothing).allowed).toBe(true);
    const labelled = { ...bad, metadata: { ...bad.metadata, labels: { a: "b" } } };
    const verdict = judge(reviewOf("UPDATE", labelled, bad), nothing);
    expect([verdict.allowed, verdict.warnings?.[0]]).toEqual([
      true,
      expect.stringContaining("still wrong: spec.config: ipam.range"),
    ]);
    expect(judge(reviewOf("UPDATE", bad, attachment("a", { range: "10.0.0.0/24" })), nothing).allowed).toBe(
      false,
    );
    for (const object of [null, 7, "x", {}, { kind: "NetworkAttachmentDefinition" }]) {
      expect(() => judge(reviewOf("CREATE", object), nothing)).not.toThrow();
    }
  });
});

describe("warnings", () => {
  const warningsOf = (ipam: object, knowledge: Parameters<typeof judge>[1]) => {
    const { allowed, warnings = [] } = judge(reviewOf("CREATE", attachment("new", ipam)), knowledge);
    expect(allowed).toBe(true);
    return warnings;
  };
  const networks = networksOf(attachment("old", { range: "10.0.0.0/24", network_name: "blue" }));

  test("a range that another network shares under another name; not its own earlier version", () => {
    const known = { networks, pools: [] };
    expect(warningsOf({ range: "10.0.0.0/16" }, known)[0]).toContain("shares addresses with default/old");
    expect(warningsOf({ range: "10.0.0.0/16", network_name: "blue" }, known)).toEqual([]);
    const again = attachment("old", { range: "10.0.0.0/24" });
    expect(judge(reviewOf("UPDATE", again, again), known).warnings).toBeUndefined();
  });

  test("a gateway among the addresses, unless it is excluded", () => {
    const ipam = { range: "10.0.0.0/24", gateway: "10.0.0.1" };
    expect(warningsOf(ipam, nothing)[0]).toContain(
      "the gateway 10.0.0.1 lies among the addresses of 10.0.0.0/24",
    );
    expect(warningsOf({ ...ipam, exclude: ["10.0.0.1/32"] }, nothing)).toEqual([]);
    expect(warningsOf({ ...ipam, range_start: "10.0.0.10" }, nothing)).toEqual([]);
  });

  test("a pool that is nearly full", () => {
    const range = parseCidr("10.0.0.0/24");
    if (!range.ok) throw new Error();
    const pools = [{ pool: { networkName: "", range: range.value }, used: 240n }];
    expect(warningsOf({ range: "10.0.0.0/24" }, { networks: [], pools })).toEqual([
      "ipam: 10.0.0.0/24 is 94 % full",
    ]);
  });
});

describe("the certificate", () => {
  test("signs itself for the names of the service, and a bundle keeps what is valid", () => {
    const now = Date.now();
    const one = selfSigned(["hook.ns.svc"], now, 30);
    const parsed = new X509Certificate(one.certificate);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkIssued(parsed)).toBe(true);
    expect([parsed.checkHost("hook.ns.svc"), parsed.checkHost("other.ns.svc")]).toEqual([
      "hook.ns.svc",
      undefined,
    ]);
    expect(Math.abs(Date.parse(parsed.validTo) - one.notAfter)).toBeLessThan(1000);
    const two = selfSigned(["hook.ns.svc"], now, 30);
    const both = bundleWith(two.certificate, bundleWith(one.certificate, "junk", now), now);
    expect(both).toBe(two.certificate + one.certificate);
    expect(bundleWith(two.certificate, both, now)).toBe(both);
    const later = selfSigned(["hook.ns.svc"], now + 31 * DAY, 30);
    expect(bundleWith(later.certificate, both, now + 31 * DAY)).toBe(later.certificate);
  });

  test("a renewed one is served at the same port, and the old one no longer", async () => {
    const options = {
      hostname: "127.0.0.1",
      port: 0,
      knowledge: () => nothing,
      clock: systemClock,
      log: () => undefined,
    };
    const one = selfSigned(["localhost"], Date.now(), 30);
    const two = selfSigned(["localhost"], Date.now(), 30);
    const server = new WebhookServer({ ...options, identity: one });
    const ask = async (ca: string) => {
      try {
        const response = await fetch(`https://localhost:${server.port}/healthz`, {
          tls: { ca },
          keepalive: false,
        });
        return response.status;
      } catch {
        return "refused";
      }
    };
    expect([await ask(one.certificate), await ask(two.certificate)]).toEqual([200, "refused"]);
    server.renew(two);
    await until("the new certificate is served", async () => (await ask(two.certificate)) === 200);
    await until("the old one no longer", async () => (await ask(one.certificate)) === "refused");
    await server.stop();
  });
});

describe("at the API server, over TLS, with the manifests of deploy/", () => {
  const namespace = "kube-system";
  let server: RunningApiServer;
  let child: Bun.Subprocess | undefined;
  beforeAll(async () => {
    server = await startApiServer({ kind: "double", tls: true, crds: "berth", rbac: true, tokens: {} });
    if (server.double) withRoles(server.double, namespace);
  });
  afterAll(async () => {
    child?.kill("SIGTERM");
    await child?.exited;
    await server?.stop();
  });

  test("the process makes itself known with its role alone, refuses, warns, and is in nobody's way", async () => {
    const port = 20_000 + (process.pid % 20_000);
    const opened = openCluster({ kind: "kubernetes", kubeconfig: server.kubeconfigPath }, systemClock);
    if (!opened.ok) throw new Error(opened.error.message);
    const api = opened.value;
    expect((await api.create(ATTACHMENTS, attachment("before", { range: "10.0.0.0/33" }))).ok).toBe(true);
    const manifest = webhook({ namespace, values: valuesOf({}) }).find(
      ({ kind }) => kind === "ValidatingWebhookConfiguration",
    );
    // There is no network of services here: its address stands in for its name.
    const url = `https://127.0.0.1:${port}/validate`;
    const webhooks = Object(manifest?.webhooks).map((one: object) => ({ ...one, clientConfig: { url } }));
    const registered = await api.create(CONFIGURATIONS, {
      ...(manifest as Manifest),
      webhooks: webhooks as { name: string }[],
    });
    expect(registered.ok).toBe(true);
    const account = server.kubeconfigFor(`system:serviceaccount:${namespace}:berth-webhook`, [], namespace);
    const [here, there] = [`127.0.0.1:${port}`, `127.0.0.1:${port + 20_000}`];
    const command = [MAIN, "webhook", "--listen", here, "--metrics-address", there, "--kubeconfig", account];
    child = Bun.spawn([process.execPath, ...command], {
      stdout: "ignore",
      stderr: Bun.file(join(server.folder, "webhook.log")),
    });
    const bundle = async () => {
      const found = await api.get(CONFIGURATIONS, { name: "berth" });
      const text = found.ok ? found.value.webhooks?.[0]?.clientConfig?.caBundle : undefined;
      return Buffer.from(text ?? "", "base64").toString();
    };
    await until("its certificate is in the configuration", async () => (await bundle()) !== "");
    const ready = { tls: { ca: await bundle() }, keepalive: false };
    await until("it is ready", async () => (await fetch(url.replace("validate", "readyz"), ready)).ok);
    const refused = await api.create(ATTACHMENTS, attachment("bad", { range: "10.0.0.0/33" }));
    expect(refused.ok ? "" : refused.error.message).toContain("spec.config: ipam.range");
    expect((await api.create(ATTACHMENTS, attachment("good", { range: "10.1.0.0/24" }))).ok).toBe(true);
    // Not asked about: no IPAM, and a label that says so.
    const bare = { ...attachment("bare", {}), spec: { config: '{"cniVersion":"1.0.0","type":"macvlan"}' } };
    expect((await api.create(ATTACHMENTS, bare)).ok).toBe(true);
    const { metadata, ...rest } = attachment("off", { range: "10.0.0.0/33" });
    const off = { ...rest, metadata: { ...metadata, labels: { "berth.dev/admission": "off" } } };
    expect((await api.create(ATTACHMENTS, off)).ok).toBe(true);
    expect((await api.delete(ATTACHMENTS, { name: "before", namespace: "default" })).ok).toBe(true);
    const metrics = await (await fetch(`http://${there}/metrics`)).text();
    expect(metrics).toContain('berth_webhook_reviews_total{outcome="refused"} 1');
    expect(metrics).toContain('berth_webhook_reviews_total{outcome="admitted"} 1');
    expect(metrics).toContain("berth_webhook_trusted 1");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    // Away, and still in nobody's way.
    expect((await api.create(ATTACHMENTS, attachment("later", { range: "10.2.0.0/24" }))).ok).toBe(true);
    api.close();
    const log = await Bun.file(join(server.folder, "webhook.log")).text();
    expect(log).toContain('"msg":"refused","kind":"NetworkAttachmentDefinition","object":"default/bad"');
    expect(log).not.toMatch(/"object":"default\/(?:bare|off|before)"|forbidden/);
  }, 30_000);
});
