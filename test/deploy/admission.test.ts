import { beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { admissionPolicies } from "../../deploy/model/admission.ts";
import { nodeRestriction } from "../../deploy/model/policies.ts";
import { valuesOf } from "../../deploy/model/values.ts";
import { systemClock } from "../../src/clock.ts";
import type { KubeObject, Resource } from "../../src/kube/api.ts";
import { Client } from "../../src/kube/client.ts";
import { SLICE_NODE } from "../../src/kube/names.ts";
import { ATTACHMENTS, IP_POOLS, type IPAllocation, NODE_SLICE_POOLS } from "../../src/kube/objects.ts";
import type { Manifest } from "../../src/operator/workload/pod.ts";
import { acquire } from "../../src/store/contract.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import { Double } from "../apiserver/double.ts";
import { serviceAccount } from "../apiserver/identity.ts";
import type { Json } from "../apiserver/json.ts";

/** The policies and rules of deploy/, evaluated by the double's CEL. */
const NAMESPACE = "kube-system";
const GOLDEN = join(import.meta.dirname, "../golden/whereabouts");
const context = { namespace: NAMESPACE, values: valuesOf({}) };

function install(double: Double, manifests: readonly Manifest[]): Double {
  for (const manifest of manifests) double.seed(manifest as unknown as Json);
  return double;
}

function clientOf(double: Double, token?: string): Client {
  const wire = double.connect({ client: token ?? "admin", ...(token !== undefined && { token }) });
  return new Client(wire, systemClock, { namespace: NAMESPACE });
}

const attachment = (name: string, config: string) => ({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name, namespace: "default" },
  spec: { config },
});
const network = (range: string) => {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "n",
    type: "macvlan",
    ipam: { type: "whereabouts", range },
  });
};
const pool = (range: string, allocations: { [offset: string]: IPAllocation } = {}) => ({
  apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
  kind: "IPPool",
  metadata: { name: "p", namespace: NAMESPACE },
  spec: { range, allocations },
});
const slices = (range: string, sliceSize: string) => ({
  apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
  kind: "NodeSlicePool",
  metadata: { name: "s", namespace: NAMESPACE },
  spec: { range, sliceSize },
});

async function why(
  answer: Promise<{ ok: true } | { ok: false; error: { message: string } }>,
): Promise<string> {
  const done = await answer;
  return done.ok ? "" : done.error.message;
}

describe.each(["upstream", "berth"] as const)("policies over the CRDs of %s", (crds) => {
  let api: Client;
  beforeEach(() => {
    api = clientOf(install(new Double({ crds }), admissionPolicies(context)));
  });

  test("everything that Go whereabouts was recorded to write, and every network that it took, passes", async () => {
    let seen = 0;
    for (const file of readdirSync(GOLDEN).filter((name) => name.endsWith(".json"))) {
      const golden = JSON.parse(readFileSync(join(GOLDEN, file), "utf8"));
      api = clientOf(install(new Double({ crds }), admissionPolicies(context)));
      for (const object of golden.kubeObjectsAfter ?? []) {
        const { kind, namespace, name, spec, status } = object;
        // What a case begins with is made up, and broken in some.
        const isMadeUp = (golden.seed ?? []).some(({ metadata }: KubeObject) => metadata.name === name);
        const { plural } = [IP_POOLS, NODE_SLICE_POOLS].find((one) => one.kind === kind) ?? {};
        if (isMadeUp || plural === undefined) continue;
        const resource: Resource<KubeObject> = { ...IP_POOLS, kind, plural };
        const apiVersion = "whereabouts.cni.cncf.io/v1alpha1";
        const written = { apiVersion, kind, metadata: { namespace, name }, spec, status };
        expect([file, await why(api.create(resource, written))]).toEqual([file, ""]);
        seen++;
      }
      const isWhole = golden.exit === 0 && golden.env.CNI_COMMAND === "ADD" && golden.stdin.startsWith("{");
      if (!isWhole) continue;
      const name = file.replace(".json", "");
      expect([file, await why(api.create(ATTACHMENTS, attachment(name, golden.stdin)))]).toEqual([file, ""]);
      seen++;
    }
    expect(seen).toBeGreaterThan(100);
  });

  test.each(["10.0.0.0/33", "10.0.0/24", "10.0.0.0", "fd00::/129", "10.0.0.1-10.0.0.9", "ten/8"])(
    "a network with the range %s is refused",
    async (range) => {
      const refused = await why(api.create(ATTACHMENTS, attachment("a", network(range))));
      expect(refused).toContain(`the range ${range} is no network in CIDR notation`);
    },
  );

  test.each([
    "010.0.0.0/24",
    "10.0.0.5/24",
    "10.0.0.1-10.0.0.9/24",
    "10.0.0.1 - 10.0.0.9/24",
    "::/64",
    "fd00::1/0128",
    "::ffff:10.0.0.0/120",
  ])("a network with the range %s passes", async (range) => {
    expect(await why(api.create(ATTACHMENTS, attachment("a", network(range))))).toBe("");
  });

  test("what is no network of whereabouts passes, so do old mistakes and deletes", async () => {
    const hostLocal = network("10.0.0.0/33").replace("whereabouts", "host-local");
    expect(await why(api.create(ATTACHMENTS, attachment("a", hostLocal)))).toBe("");
    const { spec: _, ...bare } = attachment("b", "");
    expect(await why(api.create(ATTACHMENTS, bare))).toBe("");
    const double = new Double({ crds });
    const bad = attachment("c", network("10.0.0.0/33"));
    double.seed(bad);
    api = clientOf(install(double, admissionPolicies(context)));
    const patch = { type: "merge", patch: { metadata: { labels: { a: "b" } } } } as const;
    expect(await why(api.patch(ATTACHMENTS, { name: "c", namespace: "default" }, patch))).toBe("");
    expect(await why(api.delete(ATTACHMENTS, { name: "c", namespace: "default" }))).toBe("");
  });

  test("the range of a pool is a network, and stays while addresses are held", async () => {
    expect(await why(api.create(IP_POOLS, pool("10.0.0.0")))).toContain("spec.range is no network");
    const entry = { id: "c", podref: "default/a" };
    expect(await why(api.create(IP_POOLS, pool("10.0.0.0/24", { 1: entry })))).toBe("");
    const change = (range: string) => {
      const patch = { type: "merge", patch: { spec: { range } } } as const;
      return why(api.patch(IP_POOLS, { name: "p", namespace: NAMESPACE }, patch));
    };
    const refused = await change("10.0.0.0/16");
    expect(refused).toContain("the range of a pool");
    expect(refused).toContain("cannot change: ");
    expect(await change("10.0.0.0/24")).toBe("");
  });

  test("a slice is as long as its range at least", async () => {
    expect(await why(api.create(NODE_SLICE_POOLS, slices("10.0.0.0/16", "/12")))).toContain("spec.sliceSize");
    expect(await why(api.create(NODE_SLICE_POOLS, slices("10.0.0.0/16", "many")))).toContain(
      "spec.sliceSize",
    );
    expect(await why(api.create(NODE_SLICE_POOLS, slices("10.0", "/24")))).toContain("spec.range");
    expect(await why(api.create(NODE_SLICE_POOLS, slices("10.0.0.0/16", "24")))).toBe("");
  });
});

describe("node restriction", () => {
  const tokens = {
    a: serviceAccount(NAMESPACE, "berth-agent", "node-a"),
    b: serviceAccount(NAMESPACE, "berth-agent", "node-b"),
    old: serviceAccount(NAMESPACE, "berth-agent"),
    reconciler: serviceAccount(NAMESPACE, "berth-reconciler"),
  };
  let double: Double;
  beforeEach(() => {
    double = install(new Double({ crds: "berth", tokens }), nodeRestriction(context));
  });
  const storeOf = (token: string) => {
    const options = { clock: systemClock, log: () => undefined, staying: false, patience: 2_000 };
    return new KubernetesStore(clientOf(double, token), options);
  };
  const add = async (token: string, pod: string, node: string) => {
    const [outcome] = await commit(token, { ...acquire("10.0.0.0/24", { pod }), node });
    return outcome;
  };
  const commit = async (token: string, change: Parameters<KubernetesStore["commit"]>[0][number]) => {
    const store = storeOf(token);
    const outcomes = await store.commit([change]);
    store.close();
    return outcomes.ok ? [outcomes.value[0]?.kind] : [outcomes.error.message];
  };
  const free = (token: string, pod: string) =>
    commit(token, { kind: "release", sandbox: `sandbox-${pod}`, ifname: "net1" });

  test("agents of two nodes write, renew and free what is theirs in the same pool", async () => {
    expect(await add("a", "one", "node-a")).toBe("acquired");
    expect(await add("b", "two", "node-b")).toBe("acquired");
    expect(await add("a", "one", "node-a")).toBe("acquired");
    expect(await free("a", "one")).toEqual(["released"]);
    const [held] = double.objects(IP_POOLS);
    expect(Object.keys(Object(held).spec.allocations)).toHaveLength(1);
  });

  test("none writes in the name of another node, or frees what is another's", async () => {
    expect(await add("b", "two", "node-b")).toBe("acquired");
    expect(await add("a", "evil", "node-b")).toContain("only allocations of its own node");
    expect((await free("a", "two"))[0]).toContain("may change or free only allocations of its own node");
    const [held] = double.objects(IP_POOLS);
    expect(Object.values(Object(held).spec.allocations)).toMatchObject([{ podref: "default/two" }]);
  });

  test("an agent labels what it makes as a slice of its own node, and nothing else", async () => {
    const labelled = (name: string, node: string) => ({
      ...pool("10.0.0.0/24", {}),
      metadata: { name, namespace: NAMESPACE, labels: { [SLICE_NODE]: node } },
    });
    const api = clientOf(double, "a");
    expect(await why(api.create(IP_POOLS, labelled("one", "node-b")))).toContain("of its own node");
    expect(await why(api.create(IP_POOLS, labelled("two", "node-a")))).toBe("");
    const hide = { type: "merge", patch: { metadata: { labels: { [SLICE_NODE]: "node-a" } } } } as const;
    double.seed({ ...pool("10.1.0.0/24", {}), metadata: { name: "all", namespace: NAMESPACE } });
    const all = { name: "all", namespace: NAMESPACE };
    expect(await why(api.patch(IP_POOLS, all, hide))).toContain("only pools that it makes");
  });

  test("a pod that comes back elsewhere after its node has vanished waits for the reconciler", async () => {
    const entry = { id: "old", podref: "default/back", ifname: "net1", uid: "u-old", node: "node-a" };
    double.seed({
      ...pool("10.0.0.0/24", { 1: entry }),
      metadata: { name: "10.0.0.0-24", namespace: NAMESPACE },
    });
    const wish = acquire("10.0.0.0/24", { pod: "back" });
    const owner = { ...wish.owner, pod: { ...wish.owner.pod, uid: "u-new" } };
    const [outcome] = await commit("b", { ...wish, owner, node: "node-b" });
    expect(outcome).toContain("allocations of its own node");
    const [held] = double.objects(IP_POOLS);
    expect(Object(held).spec.allocations).toEqual({ 1: entry });
  });

  test("what Go wrote names no node and may be freed; a token without a node is refused, others are not asked", async () => {
    double.seed(pool("10.9.0.0/24", { 1: { id: "sandbox-go", podref: "default/go", ifname: "net1" } }));
    const remove = { type: "json", patch: [{ op: "remove", path: "/spec/allocations/1" }] } as const;
    const target = { name: "p", namespace: NAMESPACE };
    expect(await why(clientOf(double, "old").patch(IP_POOLS, target, remove))).toContain("names no node");
    expect(await why(clientOf(double, "a").patch(IP_POOLS, target, remove))).toBe("");
    expect(await add("reconciler", "x", "node-z")).toBe("acquired");
  });
});

test("a rule that does not compile is refused when it is installed", () => {
  const [policy] = admissionPolicies(context);
  const broken = JSON.parse(
    JSON.stringify(policy).replace("size(variables.wrong) == 0", "size(variables.wrong"),
  );
  expect(() => install(new Double(), [broken])).toThrow("compilation failed");
});
