import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ATTACHMENTS, DAEMON_SETS, DEPLOYMENTS, NETWORKS } from "../../src/kube/objects.ts";
import { forbidden } from "../apiserver/failure.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { Lab, until } from "./lab.ts";

const DHCP = '{"cniVersion": "0.3.1", "name": "d", "type": "bridge", "ipam": {"type": "dhcp"}}';
const WHEREABOUTS = '{"cniVersion": "0.3.1", "name": "w", "type": "bridge", "ipam": {"type": "whereabouts"}}';
const STATIC = '{"cniVersion": "0.3.1", "name": "s", "type": "bridge", "ipam": {"type": "static"}}';
const ALL = [
  "DaemonSet dhcp-daemon",
  "DaemonSet whereabouts-reconciler",
  "Deployment whereabouts-controller",
  "PodDisruptionBudget whereabouts-controller",
];

const raw = (name: string, rawCNIConfig: string, more: object = {}) => ({
  name,
  type: "Raw",
  rawCNIConfig,
  ...more,
});

let lab: Lab;
beforeEach(() => {
  lab = new Lab();
});
afterEach(() => lab.dispose());

const ready = (status: string) => () => lab.condition("BerthNetworksReady")?.status === status;

describe("from the Network object", () => {
  test("attachments and workloads appear, with owner, label and a condition that says so", async () => {
    lab.network({ additionalNetworks: [raw("d", DHCP), raw("w", WHEREABOUTS, { namespace: "app" })] });
    lab.start();
    await until("ready", ready("True"));
    expect(lab.attachments()).toEqual(["app/w", "default/d"]);
    expect(lab.attachmentConfig("default/d")).toBe(DHCP);
    expect(lab.workloads()).toEqual(ALL);
    const daemon = lab.workload("daemonsets", "dhcp-daemon");
    expect(daemon.metadata.ownerReferences).toMatchObject([
      { kind: "Network", name: "cluster", controller: true },
    ]);
    expect(daemon.metadata.labels["app.kubernetes.io/managed-by"]).toBe("berth-operator");
    expect(lab.condition("BerthWorkloadsReady")).toMatchObject({ status: "False", reason: "Starting" });
  });

  test("workloads that are up make their condition true", async () => {
    lab.network({ additionalNetworks: [raw("d", DHCP)] });
    lab.start();
    await until("daemon", () => lab.workload("daemonsets", "dhcp-daemon") !== undefined);
    const status = {
      desiredNumberScheduled: 3,
      numberAvailable: 3,
      currentNumberScheduled: 3,
      numberReady: 3,
    };
    const name = { namespace: "openshift-multus", name: "dhcp-daemon" };
    const patch = { type: "merge", patch: { status } } as const;
    expect(await lab.admin.patch(DAEMON_SETS, name, patch, { subresource: "status" })).toMatchObject({
      ok: true,
    });
    await until("running", () => lab.condition("BerthWorkloadsReady")?.status === "True");
    expect(lab.condition("BerthWorkloadsReady")?.message).toBe("dhcp-daemon 3 of 3");
  });

  test("an entry that goes takes its attachment and its workloads with it, and nothing of others", async () => {
    lab.attachment("app", "users", STATIC);
    lab.network({ additionalNetworks: [raw("d", DHCP), raw("s", STATIC)] });
    lab.start();
    await until("both", () => lab.attachments().length === 3 && lab.workloads().length === 1);
    await lab.edit({ additionalNetworks: [raw("s", STATIC)] });
    await until("gone", () => lab.workloads().length === 0 && lab.attachments().length === 2);
    expect(lab.attachments()).toEqual(["app/users", "default/s"]);
  });

  test("a changed entry changes its attachment", async () => {
    lab.network({ additionalNetworks: [raw("a", STATIC)] });
    lab.start();
    await until("made", () => lab.attachments().length === 1);
    await lab.edit({ additionalNetworks: [raw("a", DHCP)] });
    await until("changed", () => lab.attachmentConfig("default/a") === DHCP);
    await until("daemon", () => lab.workloads().includes("DaemonSet dhcp-daemon"));
  });

  test("disableMultiNetwork takes everything away that the operator made", async () => {
    lab.attachment("app", "users", DHCP);
    lab.network({ additionalNetworks: [raw("w", WHEREABOUTS)] });
    lab.start();
    await until("all", () => lab.workloads().length === 4);
    await lab.edit({ disableMultiNetwork: true, additionalNetworks: [raw("w", WHEREABOUTS)] });
    await until("nothing", () => lab.workloads().length === 0 && lab.attachments().length === 1);
    expect(lab.attachments()).toEqual(["app/users"]);
  });

  test("the Network object goes, and what was made for it", async () => {
    lab.network({ additionalNetworks: [raw("w", WHEREABOUTS)] });
    lab.start();
    await until("all", () => lab.workloads().length === 3);
    expect(await lab.admin.delete(NETWORKS, { name: "cluster" })).toMatchObject({ ok: true });
    await until("nothing", () => lab.workloads().length === 0 && lab.attachments().length === 0);
  });
});

describe("attachments that users make", () => {
  test("start the workloads without any Network object, and end them", async () => {
    lab.start();
    lab.attachment("app", "users", WHEREABOUTS);
    await until("started", () => lab.workloads().length === 3);
    expect(await lab.admin.delete(ATTACHMENTS, { namespace: "app", name: "users" })).toMatchObject({
      ok: true,
    });
    await until("ended", () => lab.workloads().length === 0);
  });

  test("are never changed, also where an entry has the same name", async () => {
    lab.attachment("default", "same", STATIC);
    lab.network({ additionalNetworks: [raw("same", DHCP), raw("other", STATIC)] });
    lab.start();
    await until("told", ready("False"));
    expect(lab.attachmentConfig("default/same")).toBe(STATIC);
    expect(lab.attachments()).toEqual(["default/other", "default/same"]);
    expect(lab.condition("BerthNetworksReady")).toMatchObject({ reason: "MadeByOthers" });
    expect(lab.condition("BerthNetworksReady")?.message).toStartWith("spec.additionalNetworks[0]: ");
  });

  test("a copy of an attachment with the operator's label is the user's", async () => {
    lab.network({ additionalNetworks: [raw("s", STATIC)] });
    lab.attachment("app", "copy", STATIC, { labels: { "app.kubernetes.io/managed-by": "berth-operator" } });
    lab.start();
    await until("ready", ready("True"));
    expect(lab.attachments()).toEqual(["app/copy", "default/s"]);
  });
});

describe("bad entries", () => {
  test("a hundred broken ones among good ones: the good ones are there, the condition is short", async () => {
    const broken = Array.from({ length: 100 }, (_, index) => raw(`b${index}`, "{"));
    lab.network({ additionalNetworks: [raw("first", STATIC), ...broken, raw("last", STATIC)] });
    lab.start();
    await until("told", ready("False"));
    expect(lab.attachments()).toEqual(["default/first", "default/last"]);
    const { reason, message = "" } = lab.condition("BerthNetworksReady") ?? {};
    expect(reason).toBe("EntryBroken");
    expect(message).toContain("spec.additionalNetworks[1].rawCNIConfig: failed to Unmarshal RawCNIConfig: {");
    expect(message).toEndWith("and 80 more");
    await until("event", () => lab.events().includes("Warning EntryBroken"));
  });

  test("an entry that breaks keeps its attachment and its daemon until it is mended", async () => {
    lab.network({ additionalNetworks: [raw("d", DHCP)] });
    lab.start();
    await until("made", () => lab.workloads().length === 1);
    await lab.edit({
      additionalNetworks: [{ name: "d", type: "Rawr", rawCNIConfig: DHCP }, raw("s", STATIC)],
    });
    await until("the rest goes on", () => lab.attachments().includes("default/s"));
    expect(lab.attachments()).toEqual(["default/d", "default/s"]);
    expect(lab.workloads()).toEqual(["DaemonSet dhcp-daemon"]);
  });

  test("a namespace that does not exist holds up its entry alone, which follows when it comes", async () => {
    lab.network({ additionalNetworks: [raw("late", STATIC, { namespace: "later" }), raw("s", STATIC)] });
    lab.start();
    await until("told", ready("False"));
    expect(lab.condition("BerthNetworksReady")).toMatchObject({ reason: "NamespaceMissing" });
    expect(lab.attachments()).toEqual(["default/s"]);
    lab.double.seed({ apiVersion: "v1", kind: "Namespace", metadata: { name: "later" } });
    await until("follows", () => lab.attachments().includes("later/late"));
    await until("ready", ready("True"));
  });

  test("the namespace of the workloads is missing: one line, and the attachments are there", async () => {
    await lab.dispose();
    lab = new Lab({ namespaces: [] });
    lab.network({ additionalNetworks: [raw("w", WHEREABOUTS)] });
    lab.start();
    await until("told", () => lab.condition("BerthWorkloadsReady")?.reason === "NamespaceMissing");
    expect(lab.condition("BerthWorkloadsReady")?.message.split("\n")).toHaveLength(1);
    expect(lab.condition("BerthNetworksReady")).toMatchObject({ status: "True" });
  });
});

describe("drift", () => {
  test("is repaired", async () => {
    lab.network({ additionalNetworks: [raw("w", WHEREABOUTS)] });
    lab.start();
    await until("made", () => lab.workloads().length === 3);
    const name = { namespace: "openshift-multus", name: "whereabouts-controller" };
    await lab.admin.patch(DEPLOYMENTS, name, { type: "merge", patch: { spec: { replicas: 0 } } });
    await lab.admin.delete(DAEMON_SETS, { ...name, name: "whereabouts-reconciler" });
    await lab.admin.patch(
      ATTACHMENTS,
      { namespace: "default", name: "w" },
      { type: "merge", patch: { spec: { config: "{}" } } },
    );
    await until("repaired", () => {
      const replicas = lab.workload("deployments", "whereabouts-controller")?.spec.replicas;
      return (
        replicas === 2 && lab.workloads().length === 3 && lab.attachmentConfig("default/w") === WHEREABOUTS
      );
    });
  });

  test("what others add stays", async () => {
    lab.network({ additionalNetworks: [raw("d", DHCP)] });
    lab.start();
    await until("made", () => lab.workloads().length === 1);
    const name = { namespace: "openshift-multus", name: "dhcp-daemon" };
    const patch = { metadata: { annotations: { mine: "yes" } } };
    await lab.admin.patch(DAEMON_SETS, name, { type: "merge", patch });
    await lab.edit({ additionalNetworks: [raw("d", DHCP), raw("s", STATIC)] });
    await until("passed", () => lab.attachments().length === 2);
    expect(lab.workload("daemonsets", "dhcp-daemon")?.metadata.annotations.mine).toBe("yes");
  });

  test("someone who writes it again and again is met with growing pauses, and told of", async () => {
    lab.network({ additionalNetworks: [raw("a", STATIC)] });
    lab.start();
    await until("made", () => lab.attachments().length === 1);
    const name = { namespace: "default", name: "a" };
    const fight = setInterval(() => {
      void lab.admin.patch(ATTACHMENTS, name, { type: "merge", patch: { spec: { config: "{}" } } });
    }, 50);
    try {
      await until("told", () => lab.condition("BerthNetworksReady")?.reason === "Contested", 20_000);
    } finally {
      clearInterval(fight);
    }
    const writes = lab.log.filter(({ msg }) => msg === "brought up to date").length;
    expect(writes).toBeLessThanOrEqual(4);
  }, 30_000);

  test("in peace nothing is written: no request but watches after a pass", async () => {
    lab.network({ additionalNetworks: [raw("w", WHEREABOUTS), raw("d", DHCP)] });
    lab.start();
    await until("ready", ready("True"));
    await until("workloads told", () => lab.condition("BerthWorkloadsReady") !== undefined);
    const before = JSON.stringify(lab.double.objects({ group: "apps", plural: "daemonsets" }));
    // A change that concerns nothing of it makes a pass.
    lab.attachment("app", "users", STATIC);
    lab.attachment("app", "users2", '{"cniVersion": "1.0.0", "name": "x", "type": "bridge"}');
    const applied = () =>
      lab.log.filter(({ msg }) => msg === "created" || msg === "brought up to date").length;
    const count = applied();
    lab.double.seed({ apiVersion: "v1", kind: "Namespace", metadata: { name: "later" } });
    await lab.edit({ additionalNetworks: [raw("w", WHEREABOUTS), raw("d", DHCP), raw("s", STATIC)] });
    await until("passed", () => lab.attachments().includes("default/s"));
    expect(applied()).toBe(count + 1);
    expect(JSON.stringify(lab.double.objects({ group: "apps", plural: "daemonsets" }))).toBe(before);
  });
});

describe("conditions of others", () => {
  test("stay as they are, whatever happens in between", async () => {
    lab.network({ additionalNetworks: [raw("s", STATIC)] });
    const theirs = {
      type: "Degraded",
      status: "False",
      reason: "AsExpected",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    lab.setConditions([theirs]);
    // Someone writes the status between the operator's read and its write.
    lab.double.faults.plant(
      { client: "operator", verb: "patch", resource: "networks/status", nth: 1 },
      { do: "run", run: () => lab.setConditions([{ ...theirs, status: "True" }]) },
    );
    lab.start();
    await until("ready", ready("True"));
    expect(lab.condition("Degraded")).toMatchObject({ status: "True" });
  });
});

describe("a server in trouble", () => {
  test("an operator without rights says which, and goes on with the rest", async () => {
    lab.double.faults.plant(
      { client: "operator", verb: "patch", resource: "daemonsets" },
      {
        do: "answer",
        failure: forbidden(
          { group: "apps", plural: "daemonsets", kind: "DaemonSet" },
          "dhcp-daemon",
          "no rule",
        ),
      },
    );
    lab.network({ additionalNetworks: [raw("d", DHCP), raw("s", STATIC)] });
    lab.start();
    await until("told", () => lab.condition("BerthWorkloadsReady")?.reason === "Forbidden");
    expect(lab.condition("BerthWorkloadsReady")?.message).toMatch(/patch.*daemonsets/);
    expect(lab.attachments()).toEqual(["default/d", "default/s"]);
  });

  test("an operator that may not read attachments does nothing, and says why", async () => {
    lab.double.faults.plant(
      { client: "operator", resource: "network-attachment-definitions" },
      {
        do: "answer",
        failure: forbidden(
          {
            group: "k8s.cni.cncf.io",
            plural: "network-attachment-definitions",
            kind: "NetworkAttachmentDefinition",
          },
          "",
          "no",
        ),
      },
    );
    lab.network({ additionalNetworks: [raw("s", STATIC)] });
    lab.start();
    await until("told", () => lab.condition("BerthNetworksReady")?.reason === "Forbidden", 20_000);
    expect(lab.condition("BerthNetworksReady")?.message).toContain("network-attachment-definitions");
    expect(lab.attachments()).toEqual([]);
  }, 30_000);

  test("a write that is not answered, refused or met by 500 is made good", async () => {
    const match = { client: "operator", verb: "patch" } as const;
    lab.double.faults.plant(
      { ...match, resource: "network-attachment-definitions", nth: 1 },
      { do: "drop_after" },
    );
    lab.double.faults.plant(
      { ...match, resource: "daemonsets", nth: 1 },
      { do: "answer", failure: ANSWERS.internal },
    );
    lab.network({ additionalNetworks: [raw("d", DHCP)] });
    lab.start();
    await until("made", () => lab.workloads().length === 1 && lab.attachments().length === 1);
    await until("ready", ready("True"));
  });

  test("killed in the middle, the next one ends what was begun", async () => {
    const stop = lab.start();
    lab.double.faults.plant(
      { client: "operator", verb: "patch", resource: "daemonsets", nth: 1 },
      { do: "run_after", run: () => void stop() },
    );
    lab.network({ additionalNetworks: [raw("d", DHCP), raw("w", WHEREABOUTS)] });
    await until("begun", () => lab.workloads().length >= 1);
    await stop();
    lab.start();
    await until("ended", () => lab.workloads().length === 4 && ready("True")());
  });
});

describe("what the Cluster Network Operator made", () => {
  const owner = {
    apiVersion: "operator.openshift.io/v1",
    kind: "Network",
    name: "cluster",
    uid: "u",
    controller: true,
  };

  test.each([
    [false, STATIC],
    [true, DHCP],
  ])("adopted: %p", async (adopts, expected) => {
    lab.attachment("default", "a", STATIC, { ownerReferences: [owner] });
    lab.network({ additionalNetworks: [raw("a", DHCP)] });
    lab.start(adopts);
    await until("passed", () => lab.condition("BerthNetworksReady") !== undefined);
    expect(lab.attachmentConfig("default/a")).toBe(expected);
  });
});
