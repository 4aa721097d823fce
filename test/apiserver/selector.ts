import { err, ok, type Result } from "../../src/result.ts";
import { badRequest, type Failure } from "./failure.ts";
import { child, type Json, text } from "./json.ts";

export type Matches = (object: Json) => boolean;

const FIELDS: { readonly [field: string]: (object: Json) => string } = {
  "metadata.name": (object) => text(child(object, "metadata"), "name") ?? "",
  "metadata.namespace": (object) => text(child(object, "metadata"), "namespace") ?? "",
};

const FIELDS_OF: { readonly [plural: string]: readonly string[] } = {
  pods: ["spec.nodeName", "status.phase", "spec.restartPolicy", "spec.serviceAccountName", "status.podIP"],
  nodes: ["spec.unschedulable"],
  namespaces: ["status.phase"],
  secrets: ["type"],
  events: [
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.uid",
    "reason",
    "type",
  ],
};

/** `a=b,c!=d` over the fields that the API server knows for the kind; others are a BadRequest there too. */
export function fieldSelector(selector: string, plural: string): Result<Matches | undefined, Failure> {
  const terms: Matches[] = [];
  for (const term of split(selector)) {
    const [, field = "", operator = "", value = ""] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
    const read =
      FIELDS[field] ?? (FIELDS_OF[plural]?.includes(field) ? (object: Json) => at(object, field) : undefined);
    if (operator === "")
      return err(badRequest(`invalid selector: '${selector}'; can't understand '${term}'`));
    if (!read) return err(badRequest(`field label not supported: ${field}`));
    terms.push((object) => (read(object) === value) === (operator !== "!="));
  }
  return ok(terms.length === 0 ? undefined : (object) => terms.every((term) => term(object)));
}

function at(object: Json, path: string): string {
  let value: unknown = object;
  for (const part of path.split(".")) value = (value as Json | undefined)?.[part];
  return value === undefined || value === null ? "" : String(value);
}

const SET = /^([^\s!=(]+)\s+(in|notin)\s+\(([^)]*)\)$/;
const EQUALITY = /^([^\s!=]+)\s*(==|=|!=)\s*(\S*)$/;

/** Equality and set terms: `a=b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b,c)`. */
export function labelSelector(selector: string): Result<Matches | undefined, Failure> {
  const terms: ((labels: Json) => boolean)[] = [];
  for (const term of split(selector)) {
    const [, setKey, setOperator, values = ""] = SET.exec(term) ?? [];
    const [, key, operator, value] = EQUALITY.exec(term) ?? [];
    if (setKey !== undefined) {
      const wanted = values.split(",").map((item) => item.trim());
      terms.push((labels) => {
        const held = Object.hasOwn(labels, setKey) && wanted.includes(String(labels[setKey]));
        return held === (setOperator === "in");
      });
    } else if (key !== undefined) {
      terms.push((labels) => (labels[key] === value) === (operator !== "!="));
    } else if (/^!?[^\s!=()]+$/.test(term)) {
      const name = term.replace(/^!/, "");
      terms.push((labels) => Object.hasOwn(labels, name) !== term.startsWith("!"));
    } else {
      return err(badRequest(`unable to parse requirement: ${term}`));
    }
  }
  if (terms.length === 0) return ok(undefined);
  return ok((object) => {
    const labels = child(child(object, "metadata"), "labels");
    return terms.every((term) => term(labels));
  });
}

/** At commas outside of parentheses. */
function split(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== "");
}
