import type { KubeObject } from "../kube/api.ts";
import type { Network } from "../kube/objects.ts";
import { covers } from "./covers.ts";
import { isOurs, marked } from "./ownership.ts";
import { attachmentManifest, type Reading, workloadManifests } from "./render.ts";
import { both, NO_TRIGGER, type Triggers, triggersOfText } from "./trigger.ts";
import type { Manifest } from "./workload/pod.ts";
import type { WorkloadSettings } from "./workload/settings.ts";

/** What is known of the cluster at one moment. */
export type Snapshot = {
  readonly network: Network | undefined;
  readonly reading: Reading;
  /** All NetworkAttachmentDefinitions, whoever made them. */
  readonly attachments: readonly KubeObject[];
  /** Objects under the names of the operator's workloads. */
  readonly workloads: readonly KubeObject[];
  readonly hasNamespace: (name: string) => boolean;
};

/** Why something that is wanted is not there. */
export type Problem = {
  readonly reason: "NamespaceMissing" | "MadeByOthers" | "Failed" | "Forbidden" | "CannotRead" | "Contested";
  /** Of the entry, or the object. */
  readonly path: string;
  readonly message: string;
  readonly hint: string;
};

export type Action =
  | { readonly do: "apply"; readonly manifest: Manifest; readonly path: string; readonly isNew: boolean }
  | { readonly do: "delete"; readonly object: KubeObject; readonly path: string };

export type Plan = {
  readonly actions: readonly Action[];
  readonly problems: readonly Problem[];
  readonly triggers: Triggers;
};

export type PlanOptions = { readonly settings: WorkloadSettings; readonly adopts: boolean };

/** What has to be done so that the cluster has what the Network object and the users' attachments ask for. */
export function planOf(snapshot: Snapshot, options: PlanOptions): Plan {
  const { network, reading } = snapshot;
  const { settings, adopts } = options;
  const triggers = reading.isEnabled
    ? both(reading.triggers, triggersOfStaying(snapshot, adopts))
    : NO_TRIGGER;
  const actions: Action[] = [];
  const problems: Problem[] = [];
  const wanted = [
    ...reading.attachments.map((entry) => ({ manifest: attachmentManifest(entry), path: entry.path })),
    ...workloadManifests(triggers, settings).map((manifest) => ({ manifest, path: nameOf(manifest) })),
  ];
  const live = new Map(
    [...snapshot.attachments, ...snapshot.workloads].map((object) => [idOf(object), object]),
  );
  const missing = new Set<string>();
  for (const { manifest, path } of wanted) {
    const { namespace = "" } = manifest.metadata;
    const found = live.get(idOf(manifest));
    if (!snapshot.hasNamespace(namespace)) {
      // One line is enough for all that would go there.
      if (manifest.kind === "NetworkAttachmentDefinition" || !missing.has(namespace)) {
        problems.push(namespaceMissing(namespace, path));
      }
      missing.add(namespace);
    } else if (found && !isOurs(found, adopts)) {
      problems.push(madeByOthers(found, path));
    } else {
      const complete = marked(manifest, network);
      if (!found || !covers(found, complete)) {
        actions.push({ do: "apply", manifest: complete, path, isNew: found === undefined });
      }
    }
  }
  const keep = new Set([...wanted.map(({ manifest }) => idOf(manifest)), ...reading.kept.map(attachmentId)]);
  if (reading.isComplete) actions.push(...removals(live.values(), keep, adopts));
  return { actions, problems, triggers };
}

/** Only what is known to be unwanted goes: an entry that cannot be read could be about any attachment. */
function removals(live: Iterable<KubeObject>, keep: ReadonlySet<string>, adopts: boolean): Action[] {
  return [...live]
    .filter((object) => !keep.has(idOf(object)) && isOurs(object, adopts))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((object) => ({ do: "delete", object, path: nameOf(object) }));
}

/** What needs workloads besides the entries: attachments of users, and those that stay although their entry is broken. */
function triggersOfStaying({ attachments, reading }: Snapshot, adopts: boolean): Triggers {
  const kept = new Set(reading.kept.map(attachmentId));
  return attachments
    .filter((object) => !reading.isComplete || kept.has(idOf(object)) || !isOurs(object, adopts))
    .map((object) => triggersOfText(String(Object(Object(object).spec).config ?? "")))
    .reduce(both, NO_TRIGGER);
}

function attachmentId({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `NetworkAttachmentDefinition ${namespace}/${name}`;
}

function idOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
}

/** For people. */
export function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

function namespaceMissing(namespace: string, path: string): Problem {
  return {
    reason: "NamespaceMissing",
    path,
    message: `there is no namespace ${namespace}`,
    hint: `kubectl create namespace ${namespace}; the rest follows by itself`,
  };
}

function madeByOthers(object: KubeObject, path: string): Problem {
  return {
    reason: "MadeByOthers",
    path,
    message: `${nameOf(object)} is there already and was not made by this operator: it stays as it is`,
    hint: "delete or rename it; --adopt takes over what the Cluster Network Operator made",
  };
}
