import { nearestHint, renderValue } from "../config/index.ts";
import { BROKEN, type Broken, Fields } from "./fields.ts";
import { choose, readMacvlan } from "./macvlan.ts";
import type { Report } from "./report.ts";
import { both, DHCP_TRIGGER, NO_TRIGGER, type Triggers, triggersOf } from "./trigger.ts";

const KEYS = ["name", "namespace", "type", "rawCNIConfig", "simpleMacvlanConfig"];
const TYPES = ["Raw", "SimpleMacvlan"];
const DEFAULT_NAMESPACE = "default";

/** RFC 1123, as the API server checks names of objects. */
const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = { form: new RegExp(`^${LABEL}(\\.${LABEL})*$`), longest: 253 };
const NAMESPACE = { form: new RegExp(`^${LABEL}$`), longest: 63 };
const NAME_HINT =
  "lower case letters, digits and - (in names . too); the first and last one is a letter or digit";

/** An attachment that an entry asks for: its place in the object, where it goes, and its netconf as text. */
export type Attachment = {
  readonly path: string;
  readonly name: string;
  readonly namespace: string;
  readonly config: string;
};

export type Networks = {
  readonly attachments: readonly Attachment[];
  /** Also of entries that are broken elsewhere: a slip in one must not stop the daemon under running pods. */
  readonly triggers: Triggers;
  /** Attachments of broken entries: what exists of them stays as it is. */
  readonly kept: readonly { readonly name: string; readonly namespace: string }[];
  /** True if every entry says which attachment it is about: only then is anything else known to be unwanted. */
  readonly isComplete: boolean;
};

/** Reads `additionalNetworks`; a bad entry affects itself alone. */
export function readNetworks(spec: Fields, report: Report): Networks {
  const list = spec.list("additionalNetworks");
  if (list === BROKEN) return { attachments: [], triggers: NO_TRIGGER, kept: [], isComplete: false };
  const attachments: Attachment[] = [];
  const kept: { name: string; namespace: string }[] = [];
  let triggers = NO_TRIGGER;
  let isComplete = true;
  const seen = new Map<string, string>();
  for (const { value, path } of list) {
    const entry = readEntry(value, path, report);
    triggers = both(triggers, entry.triggers);
    const { name, namespace, config } = entry;
    if (name === BROKEN || namespace === BROKEN) {
      isComplete = false;
      continue;
    }
    const first = seen.get(`${namespace}/${name}`);
    if (first !== undefined) {
      const message = `the network ${name} in namespace ${namespace} stands twice, and the first one counts`;
      report.error("duplicate_name", `${path}.name`, name, message, `it stands at ${first} too; rename one`);
      continue;
    }
    seen.set(`${namespace}/${name}`, path);
    if (config === BROKEN) kept.push({ name, namespace });
    else attachments.push({ path, name, namespace, config });
  }
  return { attachments, triggers, kept, isComplete };
}

type Entry = {
  readonly name: string | Broken;
  readonly namespace: string | Broken;
  readonly config: string | Broken;
  readonly triggers: Triggers;
};

function readEntry(value: unknown, path: string, report: Report): Entry {
  const fields = Fields.of(value, path, KEYS, report);
  if (fields === BROKEN) return { name: BROKEN, namespace: BROKEN, config: BROKEN, triggers: NO_TRIGGER };
  const name = readName(fields, report);
  const namespace = readNamespace(fields, report);
  const type = fields.text("type");
  if (type === BROKEN) return { name, namespace, config: BROKEN, triggers: NO_TRIGGER };
  switch (choose(type ?? "", TYPES, fields.at("type"), report)) {
    case "Raw":
      return { name, namespace, ...readRaw(fields, report) };
    case "SimpleMacvlan": {
      const { config, usesDhcp } = readMacvlan(fields, report);
      const text = config === BROKEN ? BROKEN : JSON.stringify(config);
      return { name, namespace, config: text, triggers: usesDhcp ? DHCP_TRIGGER : NO_TRIGGER };
    }
    default: {
      const message = `unknown or unsupported NetworkType: ${(type ?? "").slice(0, 60)}`;
      report.error("unknown_network_type", fields.at("type"), type, message, nearestHint(type ?? "", TYPES));
      return { name, namespace, config: BROKEN, triggers: NO_TRIGGER };
    }
  }
}

function readName(fields: Fields, report: Report): string | Broken {
  const name = fields.text("name");
  if (name === BROKEN) return BROKEN;
  if (name !== undefined && name !== "") return checkName(name, SUBDOMAIN, fields.at("name"), report);
  report.error("missing_name", fields.at("name"), name, "Additional Network Name cannot be nil", "write one");
  return BROKEN;
}

function readNamespace(fields: Fields, report: Report): string | Broken {
  const namespace = fields.text("namespace");
  if (namespace === undefined || namespace === "") return DEFAULT_NAMESPACE;
  return namespace === BROKEN ? BROKEN : checkName(namespace, NAMESPACE, fields.at("namespace"), report);
}

function checkName(name: string, right: typeof SUBDOMAIN, path: string, report: Report): string | Broken {
  if (name.length <= right.longest && right.form.test(name)) return name;
  const message = `${renderValue(name)} is not a name of Kubernetes`;
  report.error("invalid_name", path, name, message, NAME_HINT);
  return BROKEN;
}

const LONGEST_QUOTE = 200;

/** The text goes into the attachment as it is, white space and all. */
function readRaw(fields: Fields, report: Report): { config: string | Broken; triggers: Triggers } {
  const config = fields.text("rawCNIConfig");
  if (config === BROKEN) return { config, triggers: NO_TRIGGER };
  const text = config ?? "";
  const refuse = (hint: string) => {
    const quote = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
    const message = `failed to Unmarshal RawCNIConfig: ${quote}`;
    report.error("json_syntax", fields.at("rawCNIConfig"), text, message, hint);
    return { config: BROKEN, triggers: NO_TRIGGER } as const;
  };
  if (text.trim() === "") return refuse("write the network configuration as JSON below rawCNIConfig: |-");
  try {
    const parsed: unknown = JSON.parse(text);
    const isWhole = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    return isWhole ? { config: text, triggers: triggersOf(parsed) } : refuse("a JSON object is wanted");
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return refuse(`${said}; berth lint shows the place`);
  }
}
