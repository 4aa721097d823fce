import { renderValue } from "../config/index.ts";
import { nameHint } from "./names.ts";
import { adder } from "./netconf.ts";
import type { Attachment } from "./overlap.ts";
import type { Part, Reporter } from "./reporter.ts";
import { memberOf } from "./tree.ts";

/** The annotation by which a pod asks for networks. */
const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const REQUEST = /^([a-z0-9.-]+\/)?[a-z0-9.-]+(@[^\s/:]{1,15})?$/;

/** Of a pod, only how it asks for networks is checked. */
export function lintPod(part: Part, _name: string, reporter: Reporter): Attachment[] {
  const metadata = memberOf(part.tree, "metadata");
  const add = adder(part, reporter);
  if (metadata?.members?.has(NETWORKS)) {
    const what = `${NETWORKS} is no field of metadata, and the pod gets no network`;
    add("misplaced_annotation", ["metadata", NETWORKS], undefined, what, "indent it below annotations:");
  }
  const request = memberOf(memberOf(metadata, "annotations"), NETWORKS)?.value;
  reporter.note("of a pod only its networks are checked");
  // A list of objects in JSON is Multus' matter.
  if (request === undefined || (typeof request === "string" && request.trimStart().startsWith("[")))
    return [];
  for (const name of String(request).split(",")) {
    if (REQUEST.test(name.trim())) continue;
    const what = `${renderValue(name.trim())} does not name a network`;
    const hint = /\s\d+$/.test(name) ? nameHint(name.trim()) : "write namespace/name, or name@interface";
    add("invalid_annotation", ["metadata", "annotations", NETWORKS], request, what, hint);
  }
  return [];
}
