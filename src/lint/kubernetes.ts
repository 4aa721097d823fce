import { nearest, renderValue, type Segment } from "../config/index.ts";
import { lintAttachmentSpec, lintNetworkSpec } from "./attachment.ts";
import { checkNames } from "./names.ts";
import { type Add, adder } from "./netconf.ts";
import type { Attachment } from "./overlap.ts";
import { lintPod } from "./pod.ts";
import { type Part, type Reporter, subPart } from "./reporter.ts";
import { memberOf, type Tree, textOf } from "./tree.ts";

const TOP_KEYS = ["apiVersion", "kind", "metadata", "spec", "status"];

type Kind = {
  readonly apiVersion: string;
  readonly lintSpec: (part: Part, name: string, reporter: Reporter) => Attachment[];
};

const KINDS = new Map<string, Kind>([
  ["NetworkAttachmentDefinition", { apiVersion: "k8s.cni.cncf.io/v1", lintSpec: lintAttachmentSpec }],
  ["Network", { apiVersion: "operator.openshift.io/v1", lintSpec: lintNetworkSpec }],
  ["Pod", { apiVersion: "v1", lintSpec: lintPod }],
]);

export function isKubernetes(tree: Tree): boolean {
  return tree.members?.has("kind") === true || tree.members?.has("apiVersion") === true;
}

/** Checks an object of Kubernetes, or each object of a List; the whereabouts networks in it. */
export function lintObject(part: Part, reporter: Reporter): Attachment[] {
  const { tree } = part;
  const items = memberOf(tree, "items")?.items;
  const kindName = textOf(tree, "kind") ?? "";
  if (items !== undefined && kindName.endsWith("List")) {
    return items.flatMap((item, index) => lintObject(subPart(part, item, `items[${index}]`), reporter));
  }
  const metadata = memberOf(tree, "metadata") ?? meantAs(tree, "metadata");
  const name = textOf(metadata, "name") ?? "";
  reporter.begin(kindName === "" ? "unknown" : kindName, name, part.toFile(tree.offset));
  const kind = KINDS.get(kindName);
  const version = memberOf(tree, "apiVersion") ?? meantAs(tree, "apiVersion");
  const group = typeof version?.value === "string" ? version.value.split("/")[0] : undefined;
  if (kind === undefined || (group !== undefined && group !== kind.apiVersion.split("/")[0])) {
    lintOther(part, kindName, version?.value, reporter);
    return [];
  }
  // The specification first: it may find that what looks like further keys of the object is its broken inside.
  const found = kind.lintSpec(part, name, reporter);
  const add = adder(part, reporter);
  checkTopKeys(part, add, reporter);
  checkVersion(version, kind.apiVersion, tree, add);
  if (metadata === undefined)
    add("missing_key", ["metadata"], undefined, "metadata is missing", "add it, with a name");
  else if (memberOf(tree, "metadata") !== undefined) {
    checkNames(metadata, ["metadata"], memberOf(metadata, "generateName") === undefined, add);
  }
  return found;
}

/** The value of a misspelt key: what can be read is read. */
function meantAs(tree: Tree, wanted: string): Tree | undefined {
  for (const [key, { tree: value }] of tree.members ?? []) {
    if (!TOP_KEYS.includes(key) && nearest(key, TOP_KEYS) === wanted) return value;
  }
  return undefined;
}

function checkTopKeys(part: Part, add: Add, reporter: Reporter): void {
  const { tree } = part;
  for (const [key, { keyOffset, tree: value }] of tree.members ?? []) {
    if (TOP_KEYS.includes(key) || reporter.isSwallowed(part.toFile(keyOffset))) continue;
    const meant = nearest(key, TOP_KEYS);
    const path: Segment[] = [key];
    const what = `the key ${renderValue(key)} is not known here`;
    if (meant !== undefined && !tree.members?.has(meant)) {
      add("misspelt_key", path, value.value, what, `did you mean "${meant}"?`);
    } else {
      add("unknown_key", path, value.value, `${what} and has no effect`, "remove it", "warning");
    }
  }
}

function checkVersion(version: Tree | undefined, wanted: string, tree: Tree, add: Add): void {
  if (version === undefined) {
    add("missing_key", ["apiVersion"], undefined, "apiVersion is missing", `write apiVersion: ${wanted}`);
  } else if (version.value !== wanted && tree.members?.has("apiVersion")) {
    const what = `${renderValue(version.value)} is not the apiVersion of this kind`;
    add("wrong_api_version", ["apiVersion"], version.value, what, `write ${wanted}`);
  }
}

function lintOther(part: Part, kindName: string, version: unknown, reporter: Reporter): void {
  const meant = nearest(kindName, [...KINDS.keys()]);
  const group = String(version).split("/")[0];
  const kind = KINDS.get(meant ?? "");
  if (
    meant !== undefined &&
    meant !== kindName &&
    group !== "v1" &&
    kind?.apiVersion.split("/")[0] === group
  ) {
    const what = `${renderValue(kindName)} is not a kind of ${version}`;
    adder(part, reporter)("misspelt_key", ["kind"], kindName, what, `did you mean ${meant}?`);
    return;
  }
  reporter.note("not a network: not checked");
}
