import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { nodeRestriction } from "../../deploy/model/policies.ts";
import { valuesOf } from "../../deploy/model/values.ts";
import { realAssets } from "../apiserver/real.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";

/** What is shipped in deploy/, on a real API server: the double's CEL and schemas are our own reading of them. */
const MANIFESTS = join(import.meta.dirname, "../../deploy/manifests");
const NAMESPACE = "kube-system";
const POOLS = `/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/${NAMESPACE}/ippools`;
/** As many as an object of 1 MiB holds; the policies look at each. */
const MANY = 4_000;
const PATIENCE = 60_000;

type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
};
type Answer = { readonly status: number; readonly message: string; readonly warning: string };

const why = realAssets() === undefined ? "KUBEBUILDER_ASSETS names no kube-apiserver" : undefined;
let server: RunningApiServer;

async function ask(
  method: "GET" | "POST" | "PATCH",
  path: string,
  body?: object,
  headers: { readonly [name: string]: string } = {},
): Promise<Answer & { readonly body: unknown }> {
  const content = method === "PATCH" ? "application/json-patch+json" : "application/json";
  const all = { accept: "application/json", "content-type": content, ...headers };
  const request = { method, path, headers: all, ...(body && { body: JSON.stringify(body) }) };
  const answer = await server.transport.request(request, 30_000);
  if (!answer.ok) throw new Error(answer.error.message);
  const { status } = answer.value;
  const parsed: { message?: string } = JSON.parse(answer.value.body);
  return { status, message: parsed.message ?? "", warning: answer.value.headers.warning ?? "", body: parsed };
}

/** Where objects of that kind are made, as the server's discovery says. */
async function collectionOf({ apiVersion, kind, metadata }: Manifest): Promise<string> {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { body } = await ask("GET", root);
  const { resources } = body as { resources: { name: string; kind: string; namespaced: boolean }[] };
  const found = resources.find((one) => one.kind === kind && !one.name.includes("/"));
  if (!found) throw new Error(`the server knows no ${kind} of ${apiVersion}`);
  return found.namespaced
    ? `${root}/namespaces/${metadata.namespace}/${found.name}`
    : `${root}/${found.name}`;
}

function manifestsOf(file: string): Manifest[] {
  const text = readFileSync(join(MANIFESTS, file), "utf8");
  return parseAllDocuments(text).flatMap((document) =>
    document.contents ? [document.toJS() as Manifest] : [],
  );
}

describe.skipIf(why !== undefined)(`what deploy/ holds, on a real API server${why ? `: ${why}` : ""}`, () => {
  beforeAll(async () => {
    if (why === undefined) server = await startApiServer({ crds: "berth", namespaces: ["openshift-multus"] });
  }, PATIENCE);
  afterAll(() => server?.stop());

  test.each(readdirSync(MANIFESTS))(
    "%s is taken without a warning, every field known",
    async (file) => {
      let seen = 0;
      for (const manifest of manifestsOf(file)) {
        const path = `${await collectionOf(manifest)}?fieldValidation=Strict&dryRun=All`;
        const { status, message, warning } = await ask("POST", path, manifest);
        expect([file, manifest.kind, status, message, warning]).toEqual([file, manifest.kind, 201, "", ""]);
        seen++;
      }
      expect(seen).toBeGreaterThan(20);
    },
    PATIENCE,
  );

  test(
    "an agent writes what is its own node's in a large pool, and nothing else",
    async () => {
      const restriction = nodeRestriction({ namespace: NAMESPACE, values: valuesOf({}) });
      for (const manifest of [...manifestsOf("kubeadm.yaml"), ...restriction]) {
        if (["Deployment", "DaemonSet", "ValidatingWebhookConfiguration"].includes(manifest.kind)) continue;
        expect((await ask("POST", await collectionOf(manifest), manifest)).status).toBe(201);
      }
      const range = "10.1.0.0/16";
      const entry = (pod: string, node?: string) => ({
        ...{ id: `sandbox-of-${pod}`, podref: `default/${pod}`, ifname: "net1", network: "net", slot: 0 },
        ...{ uid: "0d9a1a8e-8a0c-4f0e-9d65-3c53bd0d4f6e", since: "2026-01-01T00:00:00.000Z" },
        ...(node && { node }),
      });
      const many = Array.from({ length: MANY }, (_, index) => [`${index + 1}`, entry(`p${index}`, "node-b")]);
      const allocations = { ...Object.fromEntries(many), "60000": entry("of-go") };
      const metadata = { name: "10.1.0.0-16", namespace: NAMESPACE };
      const apiVersion = "whereabouts.cni.cncf.io/v1alpha1";
      const pool = { apiVersion, kind: "IPPool", metadata, spec: { range, allocations } };
      expect((await ask("POST", POOLS, pool)).status).toBe(201);

      const agent = {
        "impersonate-user": `system:serviceaccount:${NAMESPACE}:berth-agent`,
        "impersonate-group": "system:serviceaccounts",
        "impersonate-extra-authentication.kubernetes.io%2fnode-name": "node-a",
      };
      const patch = async (...ops: readonly object[]) => {
        const { status, message } = await ask("PATCH", `${POOLS}/10.1.0.0-16`, ops, agent);
        return status === 200 ? "" : message;
      };
      const at = (offset: number) => `/spec/allocations/${offset}`;
      const foreign = { op: "add", path: at(50_000), value: entry("x", "node-b") };
      // The server takes a moment to put new policies in force.
      const deadline = Date.now() + PATIENCE / 2;
      let refusal = "";
      while (!refusal.includes("only allocations of its own node") && Date.now() < deadline) {
        refusal = await patch(foreign);
        if (refusal === "") await patch({ op: "remove", path: at(50_000) });
      }
      expect(refusal).toContain("an agent may write only allocations of its own node");
      expect(await patch({ op: "add", path: at(50_001), value: entry("own", "node-a") })).toBe("");
      expect(await patch({ op: "remove", path: at(7) })).toContain(
        "an agent may change or free only allocations of its own node",
      );
      expect(await patch({ op: "remove", path: at(50_001) })).toBe("");
      expect(await patch({ op: "remove", path: at(60_000) })).toBe("");
      expect(await patch({ op: "replace", path: "/spec/range", value: "10.2.0.0/16" })).toContain("range");
    },
    PATIENCE,
  );
});
