import { stringify } from "yaml";
import { toYaml } from "../../src/cli/yaml.ts";
import { PARTS } from "./parts.ts";
import { DEFAULTS, DESCRIPTIONS, PROFILES, type Values } from "./values.ts";

/** The key of an object that stands for a whole value of the chart, such as a list. */
const WHOLE = "@@";

type Tree = { readonly [key: string]: unknown };

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The values of a chart in place of real ones: a marker for each, which `template` turns into what Helm reads. */
function placeholders(): Values {
  const mark = (value: unknown, path: string): unknown => {
    if (Object.hasOwn(DESCRIPTIONS, path)) {
      return typeof value === "object" ? { [WHOLE]: path } : `@@.Values.${path}@@`;
    }
    const members = Object.entries(Object(value)).map(([key, inner]): [string, unknown] => [
      key,
      mark(inner, path === "" ? key : `${path}.${key}`),
    ]);
    return Object.fromEntries(members);
  };
  // The one place where the types are told less than the truth: markers stand where numbers and lists do.
  return mark(DEFAULTS, "") as Values;
}

/** A template of Helm from a manifest with markers. */
function template(yaml: string): string {
  return yaml
    .replace(/^(\s*)(?:- )?(\S+):\n\s+"@@": (\S+)$/gm, (line, indent: string, key: string, path: string) => {
      const depth = indent.length + (line.trimStart().startsWith("- ") ? 4 : 2);
      return `${line.slice(0, line.indexOf(key))}${key}: {{- toYaml .Values.${path} | nindent ${depth} }}`;
    })
    .replace(/@@(\S+?)@@/g, "{{ $1 }}");
}

function templates(): [string, string][] {
  const context = { namespace: "@@.Release.Namespace@@", values: placeholders() };
  return PARTS.map(({ file, when, manifests }) => {
    const body = template(toYaml(manifests(context)));
    const text = when ? `{{- if .Values.${when}.enabled }}\n${body}{{- end }}\n` : body;
    return [`templates/${file}.yaml`, text];
  });
}

/** values.yaml with a comment for each key. */
function valuesYaml(): string {
  const lines: string[] = [];
  for (const [section, keys] of Object.entries(DEFAULTS)) {
    lines.push(`${section}:`);
    for (const [key, value] of Object.entries(keys)) {
      lines.push(`  # ${DESCRIPTIONS[`${section}.${key}`]}`);
      lines.push(
        stringify({ [key]: value }, { version: "1.1" })
          .trimEnd()
          .replace(/^/gm, "  "),
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

const CHOICES: { readonly [path: string]: readonly string[] } = {
  "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
  // The probes ask loopback, which each of these includes.
  "agent.metricsHost": ["127.0.0.1", "0.0.0.0", "[::]"],
  "ui.listen": ["127.0.0.1", "0.0.0.0", "[::]"],
  "ui.writes": ["no-allow-writes", "allow-writes"],
  "webhook.failurePolicy": ["Ignore", "Fail"],
  "agent.logLevel": ["debug", "verbose", "error", "panic"],
};

/** values.schema.json: a misspelt key is refused before anything is installed. */
function valuesSchema(): object {
  const leaf = (value: unknown, path: string): object => {
    const description = DESCRIPTIONS[path];
    if (Array.isArray(value)) return { description, type: "array", items: { type: "object" } };
    if (isTree(value)) return { description, type: "object" };
    const choice = CHOICES[path];
    // A quote or a line break would end the text that the template puts the value into.
    const form = typeof value === "string" ? { pattern: '^[^"\\\\\\n{}]+$' } : {};
    return { description, type: typeof value, ...form, ...(choice && { enum: choice }) };
  };
  const properties = Object.entries(DEFAULTS).map(([section, keys]): [string, object] => {
    const members = Object.entries(keys).map(([key, value]) => [key, leaf(value, `${section}.${key}`)]);
    return [
      section,
      { type: "object", additionalProperties: false, properties: Object.fromEntries(members) },
    ];
  });
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the Berth chart",
    type: "object",
    // Helm itself adds global for charts that hold this one.
    properties: { global: { type: "object" }, ...Object.fromEntries(properties) },
    additionalProperties: false,
  };
}

const NOTES = `Berth runs in {{ .Release.Namespace }}. The pools of addresses lie there too, as with whereabouts.

  kubectl -n {{ .Release.Namespace }} rollout status daemonset/berth-agent
{{- if .Values.operator.enabled }}
  kubectl edit network.operator.openshift.io cluster     additional networks; created with the first edit of docs/install.md
  kubectl get network.operator.openshift.io cluster -o jsonpath='{.status.conditions}'
{{- else }}
  NetworkAttachmentDefinitions are yours or another operator's to make; the operator is off.
{{- end }}

The CRDs are in crds/: Helm installs them once and never changes them. After an upgrade: kubectl apply -f crds/
`;

function chart(version: string): string {
  return stringify({
    apiVersion: "v2",
    name: "berth",
    description: "IP addresses for secondary networks of pods: static, DHCP and whereabouts in one product",
    type: "application",
    version,
    appVersion: version,
    kubeVersion: ">=1.30.0-0",
  });
}

/** The files of the chart, by their path in it. */
export function helmChart(crdFiles: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const profiles = Object.entries(PROFILES)
    .filter(([, { values }]) => Object.keys(values).length > 0)
    .map(([name, { values, namespace }]): [string, string] => [
      `profiles/${name}.yaml`,
      `# helm install berth . --namespace ${namespace} --values profiles/${name}.yaml\n${stringify(values)}`,
    ]);
  return new Map([
    ["Chart.yaml", chart(DEFAULTS.image.tag)],
    ["values.yaml", valuesYaml()],
    ["values.schema.json", `${JSON.stringify(valuesSchema(), null, 2)}\n`],
    ...profiles,
    ...crdFiles,
    ...templates(),
    ["templates/NOTES.txt", NOTES],
  ]);
}
