import { afterAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/clock.ts";
import { Client } from "../../src/kube/client.ts";
import { Election } from "../../src/kube/leader.ts";
import { CONFIG_MAPS } from "../../src/kube/objects.ts";
import { readNewest, SHARD_NAMES, writeShard } from "../../src/reconciler/history/shards.ts";
import { storeContract } from "../../src/store/contract.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import { Double } from "../apiserver/double.ts";
import { serviceAccount } from "../apiserver/identity.ts";
import { Lab, SETTINGS, until } from "../operator/lab.ts";
import { withoutPods } from "../store/cluster.ts";
import { withRoles } from "./roles.ts";

/** The roles of deploy/, enforced: each part gets by with the rights that it is given, and has no others. */
const { namespace } = SETTINGS;
const PARTS_WITH_RIGHTS = ["agent", "reconciler", "controller", "operator"];
const tokens = Object.fromEntries(
  PARTS_WITH_RIGHTS.map((part) => [part, serviceAccount(namespace, `berth-${part}`)]),
);

function client(double: Double, part: string): Client {
  return new Client(double.connect({ client: part, token: part }), systemClock, { namespace });
}

describe("agent", () => {
  const refused: string[] = [];
  const log = (_level: string, msg: string) => {
    if (msg.includes("forbidden")) refused.push(msg);
  };

  storeContract(
    "with its role alone",
    async () => {
      const double = withRoles(
        new Double({ crds: "berth", namespaces: [namespace], rbac: true, tokens }),
        namespace,
      );
      // As the contract wants it: no pod is proven gone.
      withoutPods(double);
      const options = { clock: systemClock, staying: true, patience: 10_000, log };
      return new KubernetesStore(client(double, "agent"), options);
    },
    async () => undefined,
  );

  afterAll(() => expect(refused).toEqual([]));
});

describe("operator", () => {
  test("makes, repairs and removes everything with its role alone, and tells of it", async () => {
    const lab = new Lab({ rbac: true, tokens });
    withRoles(lab.double, namespace);
    const config = (type: string) =>
      `{"cniVersion": "1.0.0", "name": "x", "type": "bridge", "ipam": {"type": "${type}"}}`;
    const entry = (name: string, type: string) => ({ name, type: "Raw", rawCNIConfig: config(type) });
    lab.network({ additionalNetworks: [entry("d", "dhcp"), entry("w", "whereabouts")] });
    const election = new Election({
      client: client(lab.double, "operator"),
      clock: systemClock,
      log: (_level, msg, fields = {}) => lab.log.push({ msg, fields }),
      name: "berth-operator",
      namespace,
      identity: "one",
      lead: (signal) => lab.lead(client(lab.double, "operator"), signal),
    });
    try {
      election.start();
      await until("made", () => lab.workloads().length === 4 && lab.attachments().length === 2);
      await until("told", () => lab.condition("BerthNetworksReady")?.status === "True");
      await until("events", () => lab.events().some((event) => event.includes("Created")));
      lab.setSpec({ additionalNetworks: [entry("s", "static")] });
      await until("removed", () => lab.workloads().length === 0 && lab.attachments().length === 1);
    } finally {
      await election.stop();
      await lab.dispose();
    }
    expect(lab.log.filter(({ fields }) => fields.code === "forbidden")).toEqual([]);
  });

  test("has no rights beyond", async () => {
    const double = withRoles(
      new Double({ crds: "berth", namespaces: [namespace], rbac: true, tokens }),
      namespace,
    );
    const operator = client(double, "operator");
    const daemons = {
      group: "apps",
      version: "v1",
      plural: "daemonsets",
      kind: "DaemonSet",
      namespaced: true,
    };
    const codes = await Promise.all([
      operator.delete(daemons, { namespace, name: "other" }),
      operator.list({ ...daemons }, { namespace: "kube-system" }),
      operator.get(
        { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true },
        { namespace, name: "x" },
      ),
    ]);
    expect(codes.map((answer) => (answer.ok ? "ok" : answer.error.code))).toEqual([
      "forbidden",
      "forbidden",
      "forbidden",
    ]);
  });
});

test("the reconciler writes the history, and no other ConfigMap", async () => {
  const double = withRoles(
    new Double({ crds: "berth", namespaces: [namespace], rbac: true, tokens }),
    namespace,
  );
  const reconciler = client(double, "reconciler");
  const shard = await readNewest(reconciler);
  const made = shard.ok ? await writeShard(reconciler, shard.value) : shard;
  const again = made.ok ? await writeShard(reconciler, made.value) : made;
  expect(again).toMatchObject({ ok: true });
  const metadata = { name: "kubeadm-config", namespace };
  const other = { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} };
  double.seed(other);
  const answers = [
    await reconciler.update(CONFIG_MAPS, other),
    await reconciler.get(CONFIG_MAPS, metadata),
    await reconciler.delete(CONFIG_MAPS, { name: SHARD_NAMES[0] ?? "", namespace }),
  ];
  expect(answers.map((answer) => (answer.ok ? "ok" : answer.error.code))).toEqual(
    answers.map(() => "forbidden"),
  );
});
