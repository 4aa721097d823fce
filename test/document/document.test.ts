import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { crds } from "../../deploy/model/crds.ts";
import { renderText } from "../../src/cli/render.ts";
import { readStatic, readWhereabouts } from "../../src/config/index.ts";
import { addressOf, formatAddress } from "../../src/ip/address.ts";
import { lintText } from "../../src/lint/index.ts";
import { DEFAULT_WORKLOAD_SETTINGS } from "../../src/operator/workload/settings.ts";
import { Lab, until } from "../operator/lab.ts";

/**
 * The page "Configuring IP address assignment on secondary networks", step by step: what it configures, and what it says is to
 * be seen then. docs/examples has its texts byte for byte; what has mistakes is applied from docs/examples/corrected.
 */
const EXAMPLES = join(import.meta.dirname, "../../docs/examples");
const KUBECONFIG = { kubernetes: { kubeconfig: "/k" } };

function example(name: string): string {
  return readFileSync(join(EXAMPLES, name), "utf8");
}

function render(name: string) {
  return renderText(example(name), DEFAULT_WORKLOAD_SETTINGS);
}

/** First and last address of everything that a pod may get. */
function free(ipam: object): string[][] {
  const { config, issues } = readWhereabouts({ ...ipam, ...KUBECONFIG });
  expect(issues.filter(({ severity }) => severity === "error")).toEqual([]);
  return (config?.ranges ?? []).map(({ range, free }) =>
    free.flatMap(({ first, last }) =>
      [first, last].map((value) => formatAddress(addressOf(range.network.family, value))),
    ),
  );
}

describe("static IP address assignment", () => {
  test("the address of the example is what the pod gets", () => {
    const { config, issues } = readStatic(JSON.parse(example("static.conf")).ipam);
    expect(issues).toEqual([]);
    const [assigned] = config?.addresses ?? [];
    expect(assigned && formatAddress(assigned.address.address)).toBe("191.168.1.7");
  });
});

describe("whereabouts", () => {
  test("with excluded ranges: the first address is behind both of them", () => {
    expect(free(JSON.parse(example("whereabouts-exclude.conf")).ipam)).toEqual([
      ["192.0.2.197", "192.0.2.222"],
    ]);
  });

  test("with overlapping ranges: both networks are one name space, underscores and all", () => {
    const realms = ["1", "2"].map((number) => {
      const { ipam } = JSON.parse(example(`corrected/whereabouts-overlapping-${number}.conf`));
      expect(free(ipam)).toHaveLength(1);
      return readWhereabouts({ ...ipam, ...KUBECONFIG }).config?.networkName;
    });
    expect(realms).toEqual(["example_net_common", "example_net_common"]);
  });

  test("dual stack: one address of each family", () => {
    const [attachment] = render("corrected/dual-stack.yaml").objects;
    const { ipam } = JSON.parse(Object(attachment?.spec).config);
    expect(free(ipam)).toEqual([
      ["192.168.10.1", "192.168.10.254"],
      ["2001:db8::1", "2001:db8::ffff:ffff:ffff:fffe"],
    ]);
  });
});

describe("on the cluster", () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
    lab.start();
  });
  afterEach(() => lab.dispose());

  const apply = (name: string) => lab.network(parse(example(name)).spec);

  test("the dhcp-shim entry deploys the DHCP daemon", async () => {
    apply("dhcp-shim.yaml");
    await until("daemon", () => lab.workloads().includes("DaemonSet dhcp-daemon"));
    expect(lab.attachments()).toEqual(["default/dhcp-shim"]);
  });

  test("the whereabouts-shim entry deploys the reconciler on all linux nodes, and the controller", async () => {
    apply("whereabouts-shim.yaml");
    await until("controller", () => lab.workloads().includes("Deployment whereabouts-controller"));
    const reconciler = lab.workload("daemonsets", "whereabouts-reconciler");
    expect(reconciler.metadata.namespace).toBe("openshift-multus");
    expect(reconciler.spec.template.spec.nodeSelector).toEqual({ "kubernetes.io/os": "linux" });
  });

  test("the ConfigMap whereabouts-config reaches the reconciler as its schedule, and may be missing", async () => {
    apply("whereabouts-shim.yaml");
    await until("reconciler", () => lab.workload("daemonsets", "whereabouts-reconciler") !== undefined);
    const { volumes, containers } = lab.workload("daemonsets", "whereabouts-reconciler").spec.template.spec;
    expect(volumes[0].configMap).toEqual({
      name: "whereabouts-config",
      optional: true,
      items: [{ key: "reconciler_cron_expression", path: "config" }],
    });
    expect(containers[0].volumeMounts[0].mountPath).toBe("/cron-schedule");
  });

  test("a NetworkAttachmentDefinition of one's own starts them as well: no shim is needed", async () => {
    const { metadata, spec } = parse(example("corrected/fast-ipam-attachment.yaml"));
    lab.attachment(metadata.namespace, metadata.name, spec.config);
    await until("controller", () => lab.workloads().includes("Deployment whereabouts-controller"));
    expect(lab.workloads()).toContain("DaemonSet whereabouts-reconciler");
  });
});

test("kubectl get nodeslicepool shows name and age, and the range besides", () => {
  const crd = crds().find(({ metadata }) => metadata.name.startsWith("nodeslicepools"));
  const [version] = Object(crd?.spec).versions;
  const columns = version.additionalPrinterColumns.map(({ name }: { name: string }) => name);
  expect(columns).toEqual(["Range", "Slice", "Age"]);
});

describe("the mistakes of the page are told before a pod meets them", () => {
  test.each([
    ["dual-stack.yaml", "3:1 misspelt_key"],
    ["fast-ipam-attachment.yaml", "7:11 config_not_text"],
    ["fast-ipam-pod.yaml", "6:3 misplaced_annotation"],
    ["whereabouts-overlapping-1.conf", "5:43 json_syntax"],
    ["whereabouts-overlapping-2.conf", "5:43 json_syntax"],
  ])("by lint: %s", (name, expected) => {
    const { issues } = lintText(example(name), name);
    expect(issues.map(({ line, column, code }) => `${line}:${column} ${code}`)).toContain(expected);
  });

  test("by render: the entry whose JSON is broken, with its path", () => {
    const { issues, objects } = render("dual-stack.yaml");
    expect(issues.map(({ code, path }) => [code, path])).toEqual([
      ["json_syntax", "spec.additionalNetworks[0].rawCNIConfig"],
    ]);
    expect(objects).toEqual([]);
  });
});
