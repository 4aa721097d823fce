import { describe, expect, test } from "bun:test";
import { Double } from "./double.ts";
import { ANSWERS } from "./faults.ts";
import { serviceAccount } from "./identity.ts";
import { send, withApiServer } from "./start.ts";

const POOLS = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools";
const pool = (name: string) => ({
  apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
  kind: "IPPool",
  metadata: { name },
  spec: { range: "10.0.0.0/16", allocations: {} },
});
const create = (name: string) => ({
  method: "POST" as const,
  path: POOLS,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(pool(name)),
});

describe("faults", () => {
  test("an answer lost after the commit: the client is told of a break, the object is there", async () => {
    const double = new Double();
    const fault = double.faults.plant({ verb: "create", resource: "ippools", nth: 1 }, { do: "drop_after" });
    const lost = await double.connect({ client: "a" }).request(create("x"), 1000);
    expect(lost).toMatchObject({ ok: false, error: { code: "unreachable", sent: true } });
    expect(fault.hits()).toBe(1);
    expect(double.objects({ group: "whereabouts.cni.cncf.io", plural: "ippools" })).toHaveLength(1);
  });

  test("429 with Retry-After for one client only, counted by status", async () => {
    const double = new Double();
    double.faults.plant({ client: "a", times: 1 }, { do: "answer", failure: ANSWERS.tooManyRequests(2) });
    const a = double.connect({ client: "a" });
    const refused = await send(a, "POST", POOLS, pool("x"));
    expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "2"]);
    expect((await send(double.connect({ client: "b" }), "POST", POOLS, pool("x"))).status).toBe(201);
    expect(double.counts.count({ client: "a", verb: "create", status: 429 })).toBe(1);
    expect(double.counts.writes()).toBe(2);
  });

  test("a partition is silence until it is healed, and what a watch missed comes then", async () => {
    const double = new Double();
    const a = double.connect({ client: "a" });
    const lines: string[] = [];
    const stop = new AbortController();
    const watch = { method: "GET" as const, path: `${POOLS}?watch=true`, headers: {} };
    const ended = a.stream(watch, (line) => lines.push(line), stop.signal);
    await send(a, "GET", POOLS);
    double.faults.partition("a");
    expect(await a.request(create("x"), 20)).toMatchObject({ ok: false, error: { code: "timeout" } });
    await send(double.connect({ client: "b" }), "POST", POOLS, pool("y"));
    expect(lines).toEqual([]);
    double.faults.heal("a");
    await send(a, "GET", POOLS);
    expect(lines.map((line) => JSON.parse(line).object.metadata.name)).toEqual(["y"]);
    stop.abort();
    await ended;
  });

  test("a restart breaks watches and forgets history", async () => {
    const double = new Double();
    const a = double.connect({ client: "a" });
    const { json } = await send(a, "POST", POOLS, pool("x"));
    const version = (json as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    const watch = {
      method: "GET" as const,
      headers: {},
      path: `${POOLS}?watch=true&resourceVersion=${version}`,
    };
    const ended = a.stream(watch, () => undefined, new AbortController().signal);
    await send(a, "POST", POOLS, pool("y"));
    double.gateway.restart();
    expect(await ended).toMatchObject({ ok: false, error: { code: "unreachable" } });
    const lines: string[] = [];
    await a.stream(watch, (line) => lines.push(line), new AbortController().signal);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      type: "ERROR",
      object: { code: 410, reason: "Expired" },
    });
  });

  test("over HTTP a dropped answer closes the connection", async () => {
    await withApiServer(
      async ({ transport, double }) => {
        double?.faults.plant({ verb: "create", resource: "ippools" }, { do: "drop_after" });
        expect(await transport.request(create("x"), 5000)).toMatchObject({ ok: false });
        expect((await send(transport, "GET", `${POOLS}/x`)).status).toBe(200);
      },
      { kind: "double" },
    );
  });
});

describe("who may do what", () => {
  const rules = [{ apiGroups: ["whereabouts.cni.cncf.io"], resources: ["ippools"], verbs: ["get", "list"] }];
  const rbac = { apiGroup: "rbac.authorization.k8s.io" };

  test("roles are enforced in the server's words", async () => {
    const double = new Double({ rbac: true, tokens: { secret: serviceAccount("kube-system", "agent") } });
    const api = `${rbac.apiGroup}/v1`;
    double.seed({ apiVersion: api, kind: "ClusterRole", metadata: { name: "reader" }, rules });
    double.seed({
      apiVersion: api,
      kind: "ClusterRoleBinding",
      metadata: { name: "reader" },
      roleRef: { ...rbac, kind: "ClusterRole", name: "reader" },
      subjects: [{ kind: "ServiceAccount", namespace: "kube-system", name: "agent" }],
    });
    const agent = double.connect({ client: "agent", token: "secret" });
    expect((await send(agent, "GET", POOLS)).status).toBe(200);
    const refused = await send(agent, "DELETE", `${POOLS}/x`);
    expect(refused.status).toBe(403);
    expect(refused.json).toMatchObject({
      reason: "Forbidden",
      message:
        'ippools.whereabouts.cni.cncf.io "x" is forbidden: User "system:serviceaccount:kube-system:agent" cannot delete resource "ippools" in API group "whereabouts.cni.cncf.io" in the namespace "kube-system"',
    });
    const stranger = double.connect({ client: "stranger", token: "guessed" });
    expect((await send(stranger, "GET", POOLS)).status).toBe(401);
  });

  test("a webhook that refuses, agrees, or is not there", async () => {
    const double = new Double();
    using hook = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const { request: asked } = (await request.json()) as { request: { uid: string; name: string } };
        const allowed = asked.name !== "bad";
        const response = {
          uid: asked.uid,
          allowed,
          ...(allowed ? {} : { status: { message: "no", code: 403 } }),
        };
        return Response.json({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response });
      },
    });
    const configure = (name: string, url: string, resources: string[]) =>
      double.seed({
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name },
        webhooks: [
          {
            name: `${name}.example.com`,
            clientConfig: { url },
            rules: [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["CREATE"], resources }],
          },
        ],
      });
    configure("pools", hook.url.href, ["ippools"]);
    const a = double.connect({ client: "a" });
    const refused = await send(a, "POST", POOLS, pool("bad"));
    expect(refused.status).toBe(403);
    expect(refused.json).toMatchObject({
      message: 'admission webhook "pools.example.com" denied the request: no',
    });
    expect((await send(a, "POST", POOLS, pool("good"))).status).toBe(201);
    hook.stop(true);
    expect((await send(a, "POST", POOLS, pool("late"))).status).toBe(500);
  });
});
