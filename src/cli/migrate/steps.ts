import { parse } from "yaml";
import ipPools from "../../../deploy/crds/ippools.whereabouts.cni.cncf.io.yaml" with { type: "text" };
import slicePools from "../../../deploy/crds/nodeslicepools.whereabouts.cni.cncf.io.yaml" with {
  type: "text",
};
import reservations from "../../../deploy/crds/overlappingrangeipreservations.whereabouts.cni.cncf.io.yaml" with {
  type: "text",
};
import type { ApiError, KubeClient, KubeObject } from "../../kube/api.ts";
import { CONFIG_MAPS, CRDS, type CustomResourceDefinition, DAEMON_SETS, NODES } from "../../kube/objects.ts";
import { covers } from "../../operator/covers.ts";
import { MANAGER } from "../../operator/ownership.ts";
import { MANAGED_BY } from "../../operator/workload/pod.ts";
import { ok, type Result } from "../../result.ts";
import { isKeptOff, keepOff, letOn } from "./affinity.ts";
import { AGENT, ASIDE, keyOf, LABEL, MIGRATION, type Situation, WHEREABOUTS } from "./situation.ts";

/** One thing to do. What is `done` already is shown as such, so that whoever was interrupted sees how far it is. */
export type Step = {
  readonly object: string;
  readonly what: string;
  /** `by_hand`: a person does it; `blocked`, `waits`: `what` says for what. */
  readonly state: "done" | "todo" | "by_hand" | "blocked" | "waits";
  readonly apply?: () => Promise<Result<unknown, ApiError>>;
};

const BERTH_CRDS: readonly CustomResourceDefinition[] = [ipPools, reservations, slicePools].map((text) =>
  parse(text),
);
export const CRD_NAMES: readonly string[] = BERTH_CRDS.map(({ metadata }) => metadata.name);

/** From whereabouts to Berth, in the order in which it is safe. `asked`: the nodes to move now. */
export function stepsOver(client: KubeClient, now: Situation, asked: readonly string[]): Step[] {
  return [
    ...BERTH_CRDS.map((crd) => crdStep(client, now, crd)),
    ...ASIDE.flatMap((one) => asideStep(client, now, one)),
    ...keepOffStep(client, now),
    installStep(now),
    ...asked.map((node) => moveStep(client, now, node)),
    restStep(now, asked),
  ];
}

/** From Berth back to whereabouts. `asked`: the nodes to move now; none: all. */
export function stepsBack(client: KubeClient, now: Situation, asked: readonly string[]): Step[] {
  const nodes = asked.length > 0 ? asked : [...now.over].sort();
  const left = [...now.over].filter((node) => !nodes.includes(node));
  const unlabel = nodes.map((node): Step => {
    const object = `Node ${node}`;
    if (!now.nodes.includes(node)) return { object, what: "there is no such node", state: "blocked" };
    if (!now.over.has(node)) return { object, what: "is one of whereabouts", state: "done" };
    const apply = () => label(client, node, null);
    return { object, what: `take the label ${LABEL.key} away: the agent goes`, state: "todo", apply };
  });
  const waiting = `waits until no node is Berth's any more: ${left.length} are left`;
  const late = (step: Step): Step => {
    if (left.length === 0 || step.state === "done") return step;
    return { object: step.object, what: waiting, state: "waits" };
  };
  return [
    ...unlabel,
    ...[...letOnStep(client, now), ...returnSteps(client, now)].map(late),
    ...byHandBack(now),
  ];
}

function crdStep(client: KubeClient, { crds }: Situation, wanted: CustomResourceDefinition): Step {
  const { name } = wanted.metadata;
  const object = `CustomResourceDefinition ${name}`;
  const installed = crds.get(name);
  if (installed === undefined) {
    return { object, what: "install it", state: "todo", apply: () => client.create(CRDS, wanted) };
  }
  if (covers(installed, wanted)) return { object, what: "has the fields of Berth", state: "done" };
  // With its version: whoever changed it meanwhile is not overwritten.
  const apply = () => client.update(CRDS, { ...installed, spec: wanted.spec });
  return { object, what: "add the optional fields of Berth; objects stay as they are", state: "todo", apply };
}

function asideStep(client: KubeClient, now: Situation, one: (typeof ASIDE)[number]): Step[] {
  const { resource, name } = one;
  const object = `${resource.kind} ${name}`;
  const found = now.upstream.get(keyOf(one));
  const isKept = now.kept?.data?.[keyOf(one)] !== undefined;
  if (found === undefined || isBerths(found)) {
    return isKept ? [{ object, what: `is kept in ConfigMap ${MIGRATION}`, state: "done" }] : [];
  }
  if ((found.metadata.ownerReferences ?? []).length > 0) {
    const what =
      "belongs to another object, which would make it again: stop that first (the operator's --adopt)";
    return [{ object, what, state: "blocked" }];
  }
  const apply = async () => {
    const kept = await keep(client, keyOf(one), JSON.stringify(plain(found)));
    if (!kept.ok) return kept;
    const { uid } = found.metadata;
    const { namespace } = client;
    return client.delete(resource, { namespace, name }, { propagation: "Background", ...(uid && { uid }) });
  };
  return [{ object, what: `keep a copy in ConfigMap ${MIGRATION}, and delete it`, state: "todo", apply }];
}

function keepOffStep(client: KubeClient, { whereabouts }: Situation): Step[] {
  if (whereabouts === undefined) return [];
  const object = `DaemonSet ${WHEREABOUTS}`;
  if (isKeptOff(whereabouts)) {
    return [{ object, what: `keeps off nodes with ${LABEL.key}=${LABEL.value}`, state: "done" }];
  }
  const apply = () => patchSet(client, keepOff(whereabouts));
  const what = `keep it off nodes with ${LABEL.key}=${LABEL.value}, where it would copy the Go plugin back`;
  return [{ object, what, state: "todo", apply }];
}

function installStep({ agent }: Situation): Step {
  const object = `DaemonSet ${AGENT}`;
  if (agent !== undefined) return { object, what: "is there", state: "done" };
  const install = `helm install berth --skip-crds --set agent.nodeSelector.${LABEL.key}=${LABEL.value}`;
  return { object, what: `${install} (docs/install.md)`, state: "by_hand" };
}

function moveStep(client: KubeClient, { nodes, over, agent }: Situation, node: string): Step {
  const object = `Node ${node}`;
  if (over.has(node)) return { object, what: "is Berth's", state: "done" };
  if (!nodes.includes(node)) return { object, what: "there is no such node", state: "blocked" };
  if (agent === undefined) return { object, what: `waits for the DaemonSet ${AGENT}`, state: "waits" };
  const apply = () => label(client, node, LABEL.value);
  return { object, what: `label it ${LABEL.key}=${LABEL.value}: an agent comes`, state: "todo", apply };
}

function restStep({ nodes, over, whereabouts }: Situation, asked: readonly string[]): Step {
  const left = nodes.filter((node) => !over.has(node) && !asked.includes(node));
  const object = `${over.size} of ${nodes.length} nodes are over`;
  if (left.length > 0)
    return { object, what: `berth migrate --node ${left[0]} --yes, and so on`, state: "by_hand" };
  if (over.size < nodes.length || whereabouts === undefined)
    return { object, what: "all is set", state: "done" };
  const what = `delete the DaemonSet ${WHEREABOUTS} once no way back is wanted`;
  return { object, what, state: "by_hand" };
}

function letOnStep(client: KubeClient, { whereabouts }: Situation): Step[] {
  if (whereabouts === undefined) return [];
  const object = `DaemonSet ${WHEREABOUTS}`;
  if (!isKeptOff(whereabouts)) return [{ object, what: "may run on every node", state: "done" }];
  const apply = () => patchSet(client, letOn(whereabouts));
  return [{ object, what: "let it run on every node again", state: "todo", apply }];
}

/** What was put aside comes back, and is struck out of the ConfigMap once it is there. */
function returnSteps(client: KubeClient, now: Situation): Step[] {
  return ASIDE.flatMap((one): Step[] => {
    const key = keyOf(one);
    const { resource, name } = one;
    const object = `${resource.kind} ${name}`;
    const text = now.kept?.data?.[key];
    const found = now.upstream.get(key);
    if (text === undefined) return [];
    if (found && isBerths(found)) {
      const what = "one of Berth's operator has its name: helm uninstall berth, and delete it";
      return [{ object, what, state: "blocked" }];
    }
    const apply = async () => {
      const kept: KubeObject = JSON.parse(text);
      const made = await client.create(resource, kept);
      if (!made.ok && made.error.code !== "already_exists") return made;
      return keep(client, key, null);
    };
    return [{ object, what: `make it again as ConfigMap ${MIGRATION} has it`, state: "todo", apply }];
  });
}

function byHandBack({ agent, whereabouts }: Situation): Step[] {
  const steps: Step[] = [];
  if (whereabouts === undefined) {
    const what = "install whereabouts again, or berth install --remove --plugins-only on each node";
    steps.push({ object: `DaemonSet ${WHEREABOUTS}`, what, state: "by_hand" });
  }
  if (agent) {
    const what = "helm uninstall berth, once no node is Berth's any more; leave the CRDs as they are";
    steps.push({ object: `DaemonSet ${AGENT}`, what, state: "by_hand" });
  }
  return steps;
}

/** Writes one entry of the ConfigMap, or takes it away. */
async function keep(
  client: KubeClient,
  key: string,
  text: string | null,
): Promise<Result<unknown, ApiError>> {
  const { namespace } = client;
  const patch = { data: { [key]: text } };
  const patched = await client.patch(CONFIG_MAPS, { namespace, name: MIGRATION }, { type: "merge", patch });
  if (patched.ok || patched.error.code !== "not_found") return patched;
  if (text === null) return ok(undefined);
  const metadata = { name: MIGRATION, namespace };
  return client.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata, data: { [key]: text } });
}

function label(client: KubeClient, name: string, value: string | null): Promise<Result<unknown, ApiError>> {
  const patch = { metadata: { labels: { [LABEL.key]: value } } };
  return client.patch(NODES, { name }, { type: "merge", patch });
}

function patchSet(client: KubeClient, patch: object): Promise<Result<unknown, ApiError>> {
  const { namespace } = client;
  return client.patch(DAEMON_SETS, { namespace, name: WHEREABOUTS }, { type: "merge", patch });
}

function isBerths({ metadata }: KubeObject): boolean {
  return metadata.labels?.[MANAGED_BY] === MANAGER;
}

/** An object without what the server adds, so that it can be made again. */
function plain(object: KubeObject): object {
  const { status: _, ...rest } = object as KubeObject & { status?: unknown };
  const { name, namespace, labels, annotations } = object.metadata;
  return {
    ...rest,
    metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
  };
}
