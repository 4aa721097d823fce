import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { renderText } from "../../src/cli/render.ts";
import { DEFAULT_WORKLOAD_SETTINGS } from "../../src/operator/workload/settings.ts";

/** A recorded Network and what the Cluster Network Operator made of it. */
type Case = {
  name: string;
  spec: { additionalNetworks: { name: string }[] };
  validation: string[];
  dhcpDaemon: boolean;
  whereabouts: boolean;
  objects: { metadata: { name: string | false; namespace: string }; spec: { config: string } }[];
};

/** Upstream refuses the whole list because of one bad entry; Berth renders the good ones, of which these have none. */
const FOLDER = join(import.meta.dir, "operator");

const cases = readdirSync(FOLDER).map((file): Case => JSON.parse(readFileSync(join(FOLDER, file), "utf8")));

/** JSON by what it means, so that white space and the order of keys do not count. */
function config(text: string): unknown {
  return JSON.parse(text);
}

describe("recorded Networks", () => {
  test.each(cases.map((golden): [string, Case] => [golden.name, golden]))("%s", (_name, golden) => {
    const network = {
      apiVersion: "operator.openshift.io/v1",
      kind: "Network",
      metadata: { name: "cluster" },
    };
    for (const document of [golden.spec, { ...network, spec: golden.spec }]) {
      const rendering = renderText(JSON.stringify(document), DEFAULT_WORKLOAD_SETTINGS);
      const errors = rendering.issues.filter(({ severity }) => severity === "error");
      expect(errors.map(({ message }) => message)).toEqual(golden.validation);
      expect(rendering.dhcpDaemon).toBe(golden.dhcpDaemon);
      expect(rendering.whereabouts).toBe(golden.whereabouts);
      const attachments = rendering.objects.filter(({ kind }) => kind === "NetworkAttachmentDefinition");
      const rendered = attachments.map(({ metadata, spec }) => {
        return { name: metadata.name, namespace: metadata.namespace, config: config(Object(spec).config) };
      });
      const recorded = golden.objects.map(({ metadata, spec }) => ({
        // Upstream writes a name such as n into YAML without quotes.
        name: metadata.name === false ? "n" : metadata.name,
        namespace: metadata.namespace,
        config: config(spec.config),
      }));
      expect(rendered).toEqual(recorded);
      const kinds = rendering.objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(kinds.includes("DaemonSet dhcp-daemon")).toBe(golden.dhcpDaemon);
      expect(kinds.includes("DaemonSet whereabouts-reconciler")).toBe(golden.whereabouts);
      expect(kinds.includes("Deployment whereabouts-controller")).toBe(golden.whereabouts);
    }
  });

  test("the text of a Raw configuration is kept to the last space", () => {
    const golden = cases.find(({ name }) => name === "raw-whitespace-kept");
    const rendering = renderText(JSON.stringify(golden?.spec), DEFAULT_WORKLOAD_SETTINGS);
    expect(rendering.objects[0]?.spec).toEqual({
      config: '{\n    "name": "x",\n\t"ipam": {"type": "static"}\n}\n',
    });
  });
});
