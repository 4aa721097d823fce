import { expect, test } from "bun:test";
import fc from "fast-check";
import type { KubeObject } from "../kube/api.ts";
import { isOurs, marked } from "./ownership.ts";
import { planOf, type Snapshot } from "./plan.ts";
import { readNetwork } from "./render.ts";
import type { Manifest } from "./workload/pod.ts";
import { DEFAULT_WORKLOAD_SETTINGS } from "./workload/settings.ts";

const OPTIONS = { settings: DEFAULT_WORKLOAD_SETTINGS, adopts: false };
const NAMES = ["a", "b", "c"];
const NAMESPACES = ["default", "app"];
const CONFIGS = ["dhcp", "whereabouts", "static"].map((type) => JSON.stringify({ ipam: { type } }));

const name = fc.constantFrom(...NAMES);
const namespace = fc.constantFrom(...NAMESPACES);
const config = fc.constantFrom(...CONFIGS);

/** Entries of which some are broken, some have no name, some stand twice. */
const entry = fc.record({
  name: fc.oneof({ weight: 5, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom("", "Bad", 5) }),
  namespace: fc.option(namespace, { nil: undefined }),
  type: fc.constantFrom("Raw", "Raw", "Raw", "SimpleMacvlan", "Other"),
  rawCNIConfig: fc.oneof(config, fc.constant("{")),
});
const network = fc.record({
  disableMultiNetwork: fc.constantFrom(false, false, false, true),
  additionalNetworks: fc.oneof(
    { weight: 9, arbitrary: fc.array(entry, { maxLength: 5 }) },
    fc.constant("broken"),
  ),
});
const attachment = fc.record({ name, namespace, config, isOurs: fc.boolean() });

const OWNER = {
  apiVersion: "operator.openshift.io/v1",
  kind: "Network",
  metadata: { name: "cluster", uid: "u" },
};

type Attachment = { name: string; namespace: string; config: string; isOurs: boolean };

function attachmentObject({ name, namespace, config, isOurs }: Attachment): KubeObject {
  const manifest: Manifest = {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace, labels: { "app.kubernetes.io/part-of": "berth" } },
    spec: { config },
  };
  return isOurs ? marked(manifest, OWNER) : manifest;
}

function idOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

function snapshotOf(spec: object, attachments: readonly Attachment[]): Snapshot {
  const byId = new Map(attachments.map(attachmentObject).map((object) => [idOf(object), object]));
  return {
    network: OWNER,
    reading: readNetwork({ spec }),
    attachments: [...byId.values()],
    workloads: [],
    hasNamespace: () => true,
  };
}

/** The cluster after the plan was carried out. */
function after(snapshot: Snapshot): Snapshot {
  const objects = new Map(
    [...snapshot.attachments, ...snapshot.workloads].map((object) => [idOf(object), object]),
  );
  for (const action of planOf(snapshot, OPTIONS).actions) {
    if (action.do === "apply") objects.set(idOf(action.manifest), action.manifest);
    else objects.delete(idOf(action.object));
  }
  const isAttachment = ({ kind }: KubeObject) => kind === "NetworkAttachmentDefinition";
  const all = [...objects.values()];
  return {
    ...snapshot,
    attachments: all.filter(isAttachment),
    workloads: all.filter((object) => !isAttachment(object)),
  };
}

const cases = fc.tuple(network, fc.array(attachment, { maxLength: 6 }));

test("nothing of others is ever written or deleted", () => {
  fc.assert(
    fc.property(cases, ([spec, attachments]) => {
      const snapshot = snapshotOf(spec, attachments);
      const others = new Set(snapshot.attachments.filter((object) => !isOurs(object, false)).map(idOf));
      for (const action of planOf(snapshot, OPTIONS).actions) {
        expect(others.has(idOf(action.do === "apply" ? action.manifest : action.object))).toBe(false);
      }
    }),
  );
});

test("a plan that was carried out leaves nothing to do", () => {
  fc.assert(
    fc.property(cases, ([spec, attachments]) => {
      // Workloads follow from what is there, which the first pass may change.
      const settled = after(after(snapshotOf(spec, attachments)));
      expect(planOf(settled, OPTIONS).actions).toEqual([]);
    }),
  );
});

test("while any entry has no readable name, or the list none, nothing is deleted", () => {
  fc.assert(
    fc.property(cases, ([spec, attachments]) => {
      const snapshot = snapshotOf(spec, attachments);
      if (snapshot.reading.isComplete) return;
      expect(planOf(snapshot, OPTIONS).actions.filter((action) => action.do === "delete")).toEqual([]);
    }),
  );
});

test("workloads run exactly while something that stays needs them", () => {
  fc.assert(
    fc.property(cases, ([spec, attachments]) => {
      const settled = after(after(snapshotOf(spec, attachments)));
      const has = (kind: string, name: string) =>
        settled.workloads.some((object) => object.kind === kind && object.metadata.name === name);
      const needs = (type: string) =>
        settled.attachments.some((object) => String(Object(object).spec.config).includes(`"${type}"`));
      if (!settled.reading.isEnabled) expect(settled.workloads).toEqual([]);
      else {
        // An entry that is broken elsewhere may need one as well.
        if (needs("dhcp")) expect(has("DaemonSet", "dhcp-daemon")).toBe(true);
        if (needs("whereabouts")) expect(has("Deployment", "whereabouts-controller")).toBe(true);
      }
    }),
  );
});
