/**
 * Renders the schemas of src/config as JSON Schema, so that editors complete and underline what Berth would warn of.
 *
 *     bun tools/schema.ts           writes docs/schema/*.json, and the same as tables for people
 *     bun tools/schema.ts --check   exits 1 if they are stale
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { crds } from "../deploy/model/crds.ts";
import { CNI_VERSIONS } from "../src/cni/version.ts";
import { dhcpIpam } from "../src/config/schema/dhcp.ts";
import { staticIpam } from "../src/config/schema/static.ts";
import { whereaboutsIpam } from "../src/config/schema/whereabouts.ts";

type JsonSchema = { [key: string]: unknown };

// Editors know draft 7 best.
const DIALECT = "http://json-schema.org/draft-07/schema#";
const FOLDER = join(import.meta.dirname, "../docs/schema");
const KINDS: Record<string, GenericSchema> = {
  static: staticIpam,
  dhcp: dhcpIpam,
  whereabouts: whereaboutsIpam,
};

type Crd = {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: JsonSchema };
    }[];
  };
};

/** The objects that people write; file name and definition. */
const OBJECTS: readonly [file: string, crd: Crd][] = [
  ["network-attachment-definition", crdOf("network-attachment-definitions.k8s.cni.cncf.io")],
  ["network", crdOf("networks.operator.openshift.io")],
];

function crdOf(name: string): Crd {
  const found = (crds() as readonly unknown[] as readonly Crd[]).find(
    ({ metadata }) => metadata.name === name,
  );
  if (!found) throw new Error(`deploy/model has no CustomResourceDefinition ${name}`);
  return found;
}

function ipamSchema(kind: string, schema: GenericSchema): JsonSchema {
  const { $schema: _, ...rest } = toJsonSchema(schema, { target: "draft-07" });
  return { title: `ipam of the plugin ${kind}`, ...requireWhatIsNeeded(rest) };
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The valibot schemas let every key be absent, since src/config says in words of its own what is missing. An
 * editor should know: what has one legal value, or says so at the end of its description, is required.
 */
function requireWhatIsNeeded(schema: JsonSchema): JsonSchema {
  const result: JsonSchema = { ...schema };
  if (isSchema(schema.items)) result.items = requireWhatIsNeeded(schema.items);
  if (!isSchema(schema.properties)) return result;
  const properties: JsonSchema = {};
  const required: string[] = [];
  for (const [key, property] of Object.entries(schema.properties)) {
    if (!isSchema(property)) continue;
    properties[key] = requireWhatIsNeeded(property);
    if (property.const !== undefined || String(property.description).endsWith("; required."))
      required.push(key);
  }
  return { ...result, properties, required };
}

/** A whole network configuration. The main plugin's keys and other ipam plugins are not described here. */
function netconfSchema(definitions: JsonSchema): JsonSchema {
  const cases = Object.keys(definitions).map((kind) => ({
    if: { properties: { type: { const: kind } }, required: ["type"] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { $ref: `#/definitions/${kind}` },
  }));
  return {
    title: "CNI network configuration",
    type: "object",
    required: ["name", "type"],
    properties: {
      cniVersion: {
        description: "The version of the CNI specification; default 0.1.0.",
        enum: CNI_VERSIONS,
        default: "0.1.0",
      },
      name: {
        description: "The name of the network; required.",
        type: "string",
        pattern: "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$",
      },
      type: {
        description: "The main plugin, such as bridge or macvlan; required.",
        type: "string",
        minLength: 1,
      },
      ipam: {
        description: "Who gives the interface its addresses; default none.",
        type: "object",
        properties: { type: { type: "string" } },
        allOf: cases,
      },
      dns: { description: "Name resolution; default none.", type: "object" },
      args: { description: "Arguments of the caller by convention; default none.", type: "object" },
      capabilities: {
        description: "What the runtime may pass in runtimeConfig; default none.",
        type: "object",
      },
      runtimeConfig: { description: "Filled in by the runtime; default none.", type: "object" },
      prevResult: { description: "Filled in by the runtime; default none.", type: "object" },
      disableCheck: { description: "Never call CHECK; default false.", type: "boolean", default: false },
      disableGC: { description: "Never call GC; default false.", type: "boolean", default: false },
    },
    definitions,
  };
}

/** One object of Kubernetes, from the schema of its CustomResourceDefinition, so that both say the same. */
function objectSchema(crd: Crd): JsonSchema {
  const { group, names, versions } = crd.spec;
  const [version] = versions;
  const { properties, ...rest } = plain(version?.schema.openAPIV3Schema ?? {}, "");
  const metadata = {
    description: "Name, and namespace where the kind has one.",
    type: "object",
    required: ["name"],
    properties: { name: { type: "string" }, namespace: { type: "string" } },
  };
  const head = {
    apiVersion: {
      description: "The group and version of the kind; required.",
      const: `${group}/${version?.name}`,
    },
    kind: { description: "The kind; required.", const: names.kind },
    metadata,
  };
  const required = ["apiVersion", "kind", "metadata"];
  return { title: names.kind, ...rest, required, properties: { ...Object(properties), ...head } };
}

/** What the CRDs leave open, as upstream's do, and an editor should know. */
const FOR_EDITORS: Readonly<Record<string, JsonSchema>> = {
  "spec.additionalNetworks[]": { required: ["name", "type"] },
  "spec.additionalNetworks[].namespace": { default: "default" },
  "spec.additionalNetworks[].type": { enum: ["Raw", "SimpleMacvlan"] },
  "spec.additionalNetworks[].simpleMacvlanConfig.mode": {
    enum: ["Bridge", "Private", "VEPA", "Passthru"],
    default: "Bridge",
  },
  "spec.additionalNetworks[].simpleMacvlanConfig.ipamConfig.type": {
    enum: ["DHCP", "Static"],
    default: "DHCP",
  },
};

/** Without what only an API server understands. A text that is JSON says so, for editors that look inside. */
function plain(schema: JsonSchema, path: string): JsonSchema {
  const result: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith("x-kubernetes-") || key === "nullable" || key === "format") continue;
    if (key === "items" && isSchema(value)) result.items = plain(value, `${path}[]`);
    else if (key === "properties" && isSchema(value)) {
      const inside = Object.entries(value).map(([name, property]) => {
        return [
          name,
          isSchema(property) ? plain(property, path === "" ? name : `${path}.${name}`) : property,
        ];
      });
      result.properties = Object.fromEntries(inside);
    } else result[key] = value;
  }
  const isJson = schema.type === "string" && /\bJSON\b/.test(String(schema.description));
  return { ...result, ...FOR_EDITORS[path], ...(isJson && { contentMediaType: "application/json" }) };
}

/** All keys of one plugin's ipam as a table, nested ones with their path. */
function keyTable(kind: string, schema: JsonSchema): string {
  const rows: string[] = [];
  const walk = (node: JsonSchema, path: string) => {
    if (isSchema(node.items)) walk(node.items, `${path}[]`);
    if (!isSchema(node.properties)) return;
    for (const [key, property] of Object.entries(node.properties)) {
      if (!isSchema(property)) continue;
      const own = path === "" ? key : `${path}.${key}`;
      rows.push(
        `| \`${own}\` | ${property.type ?? ""} | ${String(property.description ?? "").replaceAll("|", "\\|")} |`,
      );
      walk(property, own);
    }
  };
  walk(schema, "");
  return [`## ${kind}`, "", "| key of `ipam` | type | meaning |", "|---|---|---|", ...rows, ""].join("\n");
}

function render(): Map<string, string> {
  const definitions: JsonSchema = {};
  for (const [kind, schema] of Object.entries(KINDS)) definitions[kind] = ipamSchema(kind, schema);
  const files = new Map<string, string>();
  for (const [name, schema] of Object.entries({ ...definitions, netconf: netconfSchema(definitions) })) {
    files.set(
      join(FOLDER, `${name}.json`),
      `${JSON.stringify({ $schema: DIALECT, ...Object(schema) }, null, 2)}\n`,
    );
  }
  for (const [name, crd] of OBJECTS) {
    const schema = { $schema: DIALECT, ...objectSchema(crd) };
    files.set(join(FOLDER, `${name}.json`), `${JSON.stringify(schema, null, 2)}\n`);
  }
  const tables = Object.entries(definitions).map(([kind, schema]) => keyTable(kind, Object(schema)));
  const intro =
    "# All keys\n\nMade from the schemas of `src/config` by `make schema`; the JSON files beside this one say the same to editors.\n";
  files.set(join(FOLDER, "README.md"), [intro, ...tables].join("\n"));
  return files;
}

function committed(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

const files = render();
if (process.argv.includes("--check")) {
  const stale = [...files].filter(([path, text]) => committed(path) !== text).map(([path]) => path);
  for (const path of stale) console.error(`${path} is stale: run bun tools/schema.ts`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  mkdirSync(FOLDER, { recursive: true });
  for (const [path, text] of files) writeFileSync(path, text);
}
