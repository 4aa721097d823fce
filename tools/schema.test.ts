import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { parseAllDocuments } from "yaml";

test("docs/schema is what the schemas of src/config render to", () => {
  const { exitCode, stderr } = Bun.spawnSync([
    process.execPath,
    join(import.meta.dirname, "schema.ts"),
    "--check",
  ]);
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
});

const DOCS = join(import.meta.dirname, "../docs");
const schemaOf = (name: string) => JSON.parse(readFileSync(join(DOCS, `schema/${name}.json`), "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
const validators = {
  netconf: ajv.compile(schemaOf("netconf")),
  NetworkAttachmentDefinition: ajv.compile(schemaOf("network-attachment-definition")),
  Network: ajv.compile(schemaOf("network")),
};

/** What an editor would underline in an object, and in the configurations that it carries as text. */
function faults(object: unknown): string[] {
  const { kind, spec } = Object(object);
  const name = kind === "NetworkAttachmentDefinition" || kind === "Network" ? kind : "netconf";
  const { errors } = check(validators[name as keyof typeof validators], object);
  const own = errors.map(({ instancePath, message }) => `${name}${instancePath} ${message}`);
  const entries: readonly unknown[] = spec?.additionalNetworks ?? [];
  const texts = [spec?.config, ...entries.map((entry) => Object(entry).rawCNIConfig)];
  return [
    ...own,
    ...texts.filter((text) => typeof text === "string").flatMap((text) => faults(JSON.parse(text))),
  ];
}

function check(validate: ValidateFunction, object: unknown): { errors: readonly ErrorObject[] } {
  // Some examples show the ipam alone.
  const isFragment = validate === validators.netconf && Object(object).name === undefined;
  validate(isFragment ? { name: "net", type: "bridge", ...Object(object) } : object);
  return { errors: validate.errors ?? [] };
}

/** Examples that are right as they stand; the others are there to be corrected, see docs/examples/README.md. */
const RIGHT = [
  "dhcp-shim.yaml",
  "whereabouts-shim.yaml",
  "static.conf",
  "dhcp.conf",
  "whereabouts-exclude.conf",
];

test("the examples are what the schemas describe", () => {
  const corrected = readdirSync(join(DOCS, "examples/corrected")).map((file) => `corrected/${file}`);
  for (const file of [...RIGHT, ...corrected]) {
    for (const document of parseAllDocuments(readFileSync(join(DOCS, "examples", file), "utf8"))) {
      const object = document.toJS();
      if (object?.kind === "Pod") continue;
      expect([file, faults(object)]).toEqual([file, []]);
    }
  }
});

test("what is wrong is underlined", () => {
  const head = { apiVersion: "operator.openshift.io/v1", kind: "Network", metadata: { name: "cluster" } };
  const network = (entry: object) => faults({ ...head, spec: { additionalNetworks: [entry] } });
  expect(network({ name: "a", type: "Rwa" }).join()).toContain(
    "type must be equal to one of the allowed values",
  );
  expect(network({ type: "Raw" }).join()).toContain("must have required property 'name'");
  expect(network({ name: "a", type: "SimpleMacvlan", simpleMacvlanConfig: { mtu: "big" } }).join()).toContain(
    "integer",
  );
  expect(faults({ ...head, apiVersion: "v1" }).join()).toContain("/apiVersion must be equal to constant");
  const config = JSON.stringify({ name: "n", type: "macvlan", ipam: { type: "whereabouts", range: 7 } });
  const attachment = {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "n" },
  };
  expect(faults({ ...attachment, spec: { config } }).join()).toContain("netconf/ipam/range must be string");
});
