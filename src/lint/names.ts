import { renderValue, type Segment } from "../config/index.ts";
import type { Add } from "./netconf.ts";
import type { Tree } from "./tree.ts";
import { memberOf } from "./tree.ts";

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
/** RFC 1123, as the API server checks names of objects. */
const SUBDOMAIN = new RegExp(`^${LABEL}(\\.${LABEL})*$`);
const NAMESPACE = new RegExp(`^${LABEL}$`);

/** Checks `name` and `namespace` of an object; `isNeeded` is whether a name must be there. */
export function checkNames(
  holder: Tree | undefined,
  path: readonly Segment[],
  isNeeded: boolean,
  add: Add,
): void {
  const name = memberOf(holder, "name")?.value;
  const isMissing = name === undefined || name === null || name === "";
  if (isMissing && isNeeded) add("missing_name", [...path, "name"], name, "the name is missing", "write one");
  if (!isMissing) checkName(name, SUBDOMAIN, 253, [...path, "name"], add);
  const namespace = memberOf(holder, "namespace")?.value;
  if (namespace !== undefined && namespace !== null && namespace !== "") {
    checkName(namespace, NAMESPACE, 63, [...path, "namespace"], add);
  }
}

function checkName(name: unknown, form: RegExp, longest: number, path: readonly Segment[], add: Add): void {
  if (typeof name !== "string") {
    add(
      "invalid_type",
      path,
      name,
      `${renderValue(name)} has the wrong type`,
      "a text is wanted; put it in quotes",
    );
  } else if (!form.test(name) || name.length > longest) {
    add("invalid_name", path, name, `${renderValue(name)} is not a name of Kubernetes`, nameHint(name));
  }
}

/** Most bad names come from documentation: a callout number behind the name, or a placeholder. */
export function nameHint(name: string): string {
  const callout = /^(\S+) \d+$/.exec(name)?.[1];
  if (callout?.startsWith("<")) return "put a real name in place of the placeholder and its callout number";
  if (callout !== undefined) return `write ${callout}: the number is a callout copied from documentation`;
  return "lower case letters, digits, - and . only; it starts and ends with a letter or digit";
}
