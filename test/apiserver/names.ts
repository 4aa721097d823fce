import type { Cause } from "./failure.ts";
import { isJson, type Json } from "./json.ts";
import type { Kind } from "./kinds.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const RULES = {
  subdomain: {
    longest: 253,
    fits: (name: string) => SUBDOMAIN.test(name),
    says: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN.source.slice(1, -1)}')`,
  },
  label: {
    longest: 63,
    fits: (name: string) => LABEL.test(name),
    says: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL.source.slice(1, -1)}')`,
  },
  segment: {
    longest: Number.POSITIVE_INFINITY,
    fits: (name: string) => name !== "." && name !== ".." && !/[/%]/.test(name),
    says: `may not contain '/' or '%'`,
  },
};

/** What is wrong with an object's metadata: its name, labels and annotations. */
export function metadataCauses(kind: Kind, metadata: Json): Cause[] {
  const causes: Cause[] = [];
  const { name } = metadata;
  const fail = (field: string, value: unknown, says: string) =>
    causes.push({
      reason: "FieldValueInvalid",
      field,
      message: `Invalid value: ${JSON.stringify(value)}: ${says}`,
    });
  if (typeof name !== "string" || name === "") {
    const message = "Required value: name or generateName is required";
    return [{ reason: "FieldValueRequired", field: "metadata.name", message }];
  }
  const rule = RULES[kind.naming];
  if (name.length > rule.longest)
    fail("metadata.name", name, `must be no more than ${rule.longest} characters`);
  if (!rule.fits(name)) fail("metadata.name", name, rule.says);
  for (const [key, value] of Object.entries(isJson(metadata.labels) ? metadata.labels : {})) {
    if (!QUALIFIED.test(key))
      fail("metadata.labels", key, "name part must consist of alphanumeric characters, '-', '_' or '.'");
    if (typeof value !== "string" || !LABEL_VALUE.test(value)) {
      fail(
        "metadata.labels",
        value,
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', at most 63",
      );
    }
  }
  let size = 0;
  for (const [key, value] of Object.entries(isJson(metadata.annotations) ? metadata.annotations : {})) {
    size += key.length + String(value).length;
    if (!QUALIFIED.test(key))
      fail("metadata.annotations", key, "name part must consist of alphanumeric characters, '-', '_' or '.'");
  }
  if (size > 256 * 1024) {
    causes.push({
      reason: "FieldValueTooLong",
      field: "metadata.annotations",
      message: "Too long: may not be more than 262144 bytes",
    });
  }
  return causes;
}
