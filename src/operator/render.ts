import { isObject } from "../cni/json.ts";
import { nearest } from "../config/index.ts";
import { BROKEN, Fields, wrongType } from "./fields.ts";
import { type Attachment, type Networks, readNetworks } from "./networks.ts";
import { type RenderIssue, Report } from "./report.ts";
import { NO_TRIGGER, type Triggers } from "./trigger.ts";
import { controller } from "./workload/controller.ts";
import { dhcpDaemon } from "./workload/dhcp-daemon.ts";
import { type Manifest, PART_OF } from "./workload/pod.ts";
import { reconciler } from "./workload/reconciler.ts";
import type { WorkloadSettings } from "./workload/settings.ts";

/** What a Network object asks for, and what is wrong with it. */
export type Reading = Networks & {
  readonly issues: readonly RenderIssue[];
  /** False while `disableMultiNetwork` is set: nothing at all is wanted then. */
  readonly isEnabled: boolean;
};

const NOTHING: Networks = { attachments: [], triggers: NO_TRIGGER, kept: [], isComplete: false };
/** Of the rest of the specification the Cluster Network Operator is the judge. */
const SPEC_KEYS = ["additionalNetworks", "disableMultiNetwork"];

/** Reads a Network object of `operator.openshift.io/v1`, or its `spec` alone. Whatever it is, this does not throw. */
export function readNetwork(document: unknown): Reading {
  const report = new Report();
  const isWhole =
    isObject(document) && ["kind", "apiVersion", "spec"].some((key) => Object.hasOwn(document, key));
  const spec = isWhole ? document.spec : document;
  const read = readSpec(spec ?? {}, isWhole ? "spec" : "", report);
  return { ...read, issues: report.issues };
}

function readSpec(value: unknown, path: string, report: Report): Networks & { isEnabled: boolean } {
  if (isObject(value)) warnOfMisspelt(value, path, report);
  const spec = Fields.of(value, path, isObject(value) ? Object.keys(value) : [], report);
  if (spec === BROKEN) return { ...NOTHING, isEnabled: true };
  const disabled = spec.value("disableMultiNetwork") ?? false;
  if (typeof disabled !== "boolean") {
    wrongType(disabled, spec.at("disableMultiNetwork"), "true or false is wanted", report);
    // What its author meant is not known, so nothing that exists is taken away.
    return { ...readNetworks(spec, report), isComplete: false, isEnabled: true };
  }
  if (disabled) return { ...NOTHING, isComplete: true, isEnabled: false };
  return { ...readNetworks(spec, report), isEnabled: true };
}

function warnOfMisspelt(spec: { readonly [key: string]: unknown }, path: string, report: Report): void {
  for (const key of Object.keys(spec)) {
    const meant = SPEC_KEYS.includes(key) ? undefined : nearest(key, SPEC_KEYS);
    if (meant === undefined || Object.hasOwn(spec, meant)) continue;
    const what = `the key "${key}" is not known here and has no effect`;
    report.warn("unknown_key", path === "" ? key : `${path}.${key}`, key, what, `did you mean "${meant}"?`);
  }
}

/** The NetworkAttachmentDefinition of an entry. */
export function attachmentManifest({ name, namespace, config }: Attachment): Manifest {
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace, labels: PART_OF },
    spec: { config },
  };
}

/** The workloads that the networks of a cluster need. */
export function workloadManifests(triggers: Triggers, settings: WorkloadSettings): readonly Manifest[] {
  return [
    ...(triggers.dhcp ? [dhcpDaemon(settings)] : []),
    ...(triggers.whereabouts ? [reconciler(settings), ...controller(settings)] : []),
  ];
}

/** What `berth render` prints. */
export type Rendering = {
  readonly issues: readonly RenderIssue[];
  readonly dhcpDaemon: boolean;
  readonly whereabouts: boolean;
  readonly objects: readonly Manifest[];
};

/** Everything that the operator would make of a Network object. */
export function render(document: unknown, settings: WorkloadSettings): Rendering {
  const { issues, triggers, attachments } = readNetwork(document);
  const objects = [...attachments.map(attachmentManifest), ...workloadManifests(triggers, settings)];
  return { issues, dhcpDaemon: triggers.dhcp, whereabouts: triggers.whereabouts, objects };
}
