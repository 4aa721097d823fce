import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ValidatingAdmissionPolicy } from "kubernetes-models/admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy";
import { ValidatingAdmissionPolicyBinding } from "kubernetes-models/admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding";
import { ValidatingWebhookConfiguration } from "kubernetes-models/admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration";
import { DaemonSet } from "kubernetes-models/apps/v1/DaemonSet";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ClusterRole } from "kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole";
import { ClusterRoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding";
import { Role } from "kubernetes-models/rbac.authorization.k8s.io/v1/Role";
import { RoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import { parseAllDocuments } from "yaml";
import type { Manifest } from "../../src/operator/workload/pod.ts";
import { generatedFiles, installation } from "./files.ts";
import { PARTS } from "./parts.ts";
import { DEFAULTS, DESCRIPTIONS, PROFILES, valuesOf } from "./values.ts";

/** Throws if the manifest is not valid. */
const VALIDATE: { [kind: string]: (manifest: object) => void } = {
  ClusterRole: (manifest) => new ClusterRole(Object(manifest)).validate(),
  ClusterRoleBinding: (manifest) => new ClusterRoleBinding(Object(manifest)).validate(),
  DaemonSet: (manifest) => new DaemonSet(Object(manifest)).validate(),
  Deployment: (manifest) => new Deployment(Object(manifest)).validate(),
  NetworkPolicy: (manifest) => new NetworkPolicy(Object(manifest)).validate(),
  PodDisruptionBudget: (manifest) => new PodDisruptionBudget(Object(manifest)).validate(),
  Role: (manifest) => new Role(Object(manifest)).validate(),
  RoleBinding: (manifest) => new RoleBinding(Object(manifest)).validate(),
  Service: (manifest) => new Service(Object(manifest)).validate(),
  ServiceAccount: (manifest) => new ServiceAccount(Object(manifest)).validate(),
  ValidatingAdmissionPolicy: (manifest) => new ValidatingAdmissionPolicy(Object(manifest)).validate(),
  ValidatingAdmissionPolicyBinding: (manifest) =>
    new ValidatingAdmissionPolicyBinding(Object(manifest)).validate(),
  ValidatingWebhookConfiguration: (manifest) =>
    new ValidatingWebhookConfiguration(Object(manifest)).validate(),
};

const FOLDER = join(import.meta.dirname, "..");
const PROFILE_NAMES = Object.keys(PROFILES);
/** Every part, whether a profile has it or not. */
const everything = PARTS.flatMap(({ manifests }) => manifests({ namespace: "berth", values: valuesOf({}) }));

function idOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
}

function podOf(manifest: Manifest) {
  return Object(manifest.spec).template?.spec;
}

function containersOf(manifest: Manifest): { [key: string]: unknown }[] {
  const pod = podOf(manifest);
  return pod === undefined ? [] : [...(pod.initContainers ?? []), ...pod.containers];
}

describe("manifests", () => {
  test.each(everything.map((manifest): [string, Manifest] => [idOf(manifest), manifest]))(
    "%s is valid by the schema of Kubernetes",
    (_id, manifest) => {
      const validate = VALIDATE[manifest.kind];
      if (validate === undefined) throw new Error(`no schema of ${manifest.kind} is known to this test`);
      validate(manifest);
    },
  );

  test("the validation can fail", () => {
    const [manifest] = everything.filter(({ kind }) => kind === "DaemonSet");
    const broken = { ...manifest, spec: { ...Object(manifest?.spec), selector: "app" } };
    expect(() => new DaemonSet(Object(broken)).validate()).toThrow();
  });

  test.each(PROFILE_NAMES)(
    "%s: no object twice, every service account and role that is named exists",
    (profile) => {
      const manifests = installation(profile);
      const ids = manifests.map(idOf);
      const context = { namespace: PROFILES[profile]?.namespace ?? "", values: valuesOf({}) };
      const possible = PARTS.flatMap((part) => part.manifests(context)).map(idOf);
      expect(new Set(ids).size).toBe(ids.length);
      for (const manifest of manifests) {
        const namespace = manifest.metadata.namespace;
        const account = podOf(manifest)?.serviceAccountName;
        if (account !== undefined) expect(ids).toContain(`ServiceAccount ${namespace}/${account}`);
        if (!manifest.kind.endsWith("Binding") || manifest.roleRef === undefined) continue;
        const { kind, name } = Object(manifest.roleRef);
        expect(ids).toContain(`${kind} ${kind === "Role" ? namespace : ""}/${name}`);
        for (const subject of Object(manifest.subjects)) {
          // A right may wait for a part that is not installed.
          expect(possible).toContain(`ServiceAccount ${subject.namespace}/${subject.name}`);
        }
      }
    },
  );

  test("selectors match the labels of their pods", () => {
    for (const { kind, spec } of everything) {
      if (kind !== "DaemonSet" && kind !== "Deployment") continue;
      const { selector, template } = Object(spec);
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    }
  });
});

describe("least privilege", () => {
  test("no rule has a wildcard, secrets, impersonation or rights to hand out rights", () => {
    for (const { kind, rules } of everything) {
      if (kind !== "Role" && kind !== "ClusterRole") continue;
      const text = JSON.stringify(rules);
      expect(text).not.toMatch(/"\*"|secrets|impersonate|escalate|bind|rbac\.authorization/);
    }
  });

  test("only the DHCP daemon is privileged; every root file system is read-only, every other capability dropped", () => {
    for (const manifest of everything) {
      for (const { name, securityContext } of containersOf(manifest)) {
        const { privileged = false, readOnlyRootFilesystem, capabilities } = Object(securityContext);
        expect(readOnlyRootFilesystem).toBe(true);
        expect(privileged).toBe(name === "dhcp-daemon");
        if (!privileged) expect(capabilities.drop).toEqual(["ALL"]);
      }
    }
  });

  test("every container says what memory it needs and may have", () => {
    for (const manifest of everything) {
      for (const { name, resources } of containersOf(manifest)) {
        expect([name, Object(resources).requests?.memory]).toEqual([name, expect.stringMatching(/^\d+Mi$/)]);
      }
    }
  });

  test("no file of the host but sockets, state, plugins and namespaces, and no credentials are written there", () => {
    const agent = everything.find(
      ({ metadata, kind }) => kind === "DaemonSet" && metadata.name === "berth-agent",
    );
    const containers = agent ? containersOf(agent) : [];
    const writable = containers.flatMap(({ volumeMounts }) =>
      Object(volumeMounts)
        .filter(({ readOnly = false }) => !readOnly)
        .map(({ mountPath }: { mountPath: string }) => mountPath),
    );
    expect(writable.toSorted()).toEqual(["/host/bin", "/run/berth", "/run/cni", "/var/lib/berth"]);
  });
});

test("on OpenShift every part may run as the user that it names", () => {
  const manifests = installation("openshift");
  const allowed = new Map<string, string>();
  for (const { kind, metadata, subjects } of manifests) {
    if (kind !== "RoleBinding" || !/^berth-(?:privileged|nonroot)$/.test(metadata.name)) continue;
    for (const { name } of Object(subjects)) allowed.set(name, metadata.name);
  }
  for (const manifest of manifests.filter((one) => podOf(one) !== undefined)) {
    const users = containersOf(manifest).map(({ securityContext }) => Object(securityContext).runAsNonRoot);
    const wanted = users.every((isNonRoot) => isNonRoot === true) ? "berth-nonroot" : "berth-privileged";
    const account = podOf(manifest).serviceAccountName;
    expect([manifest.metadata.name, allowed.get(account)]).toEqual([manifest.metadata.name, wanted]);
  }
});

describe("parts with two copies", () => {
  test("two replicas apart from each other, with a disruption budget that matches them", () => {
    // The page is one copy: sessions are in its memory.
    const deployments = everything.filter(
      ({ kind, metadata }) => kind === "Deployment" && metadata.name !== "berth-ui",
    );
    expect(deployments.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      "berth-operator",
      "berth-webhook",
      "whereabouts-controller",
    ]);
    for (const deployment of deployments) {
      expect(Object(deployment.spec).replicas).toBe(2);
      expect(podOf(deployment).affinity.podAntiAffinity).toBeDefined();
      const budget = everything.find(
        ({ kind, metadata }) => kind === "PodDisruptionBudget" && metadata.name === deployment.metadata.name,
      );
      expect(Object(budget?.spec).selector).toEqual(Object(deployment.spec).selector);
    }
  });
});

test("services choose the pods and name the ports that there are", () => {
  const services = everything.filter(({ kind }) => kind === "Service");
  expect(services.map(({ metadata }) => metadata.name).toSorted()).toEqual(["berth-ui", "berth-webhook"]);
  for (const { spec, metadata } of services) {
    const deployment = everything.find(
      (one) => one.kind === "Deployment" && one.metadata.name === metadata.name,
    );
    expect(Object(deployment?.spec).template.metadata.labels).toMatchObject(Object(spec).selector);
    const ports = Object(containersOf(deployment as Manifest)[0]?.ports);
    for (const { targetPort } of Object(spec).ports) expect(ports[0].name).toBe(targetPort);
  }
});

test("the webhook is asked at its service, never about deletes, and is in nobody's way when it is away", () => {
  const configuration = everything.find(({ kind }) => kind === "ValidatingWebhookConfiguration");
  const service = everything.find(
    ({ kind, metadata }) => kind === "Service" && metadata.name === "berth-webhook",
  );
  const [only, ...others] = Object(configuration?.webhooks);
  expect(others).toEqual([]);
  expect(only.clientConfig.service).toMatchObject({
    name: service?.metadata.name,
    namespace: service?.metadata.namespace,
    port: Object(service?.spec).ports[0].port,
  });
  expect(only.clientConfig.caBundle).toBeUndefined();
  expect(only.rules.flatMap(({ operations }: { operations: string[] }) => operations)).not.toContain(
    "DELETE",
  );
  expect([only.failurePolicy, only.sideEffects]).toEqual(["Ignore", "None"]);
});

test("deploy/crds, deploy/manifests and deploy/helm are what the model renders to", () => {
  for (const [path, text] of generatedFiles()) {
    expect(`${path}\n${readFileSync(join(FOLDER, path), "utf8")}`).toBe(`${path}\n${text}`);
  }
});

test("every value has a description, and every description a value", () => {
  const paths = Object.entries(DEFAULTS).flatMap(([section, keys]) =>
    Object.keys(keys).map((key) => `${section}.${key}`),
  );
  expect(Object.keys(DESCRIPTIONS).toSorted()).toEqual(paths.toSorted());
});

describe("the chart says the same as the plain manifests", () => {
  const chart = join(FOLDER, "helm/berth");
  const helm = process.env.HELM ?? Bun.which("helm");

  test.each(PROFILE_NAMES)("%s, by the few constructs of Helm that the templates use", (profile) => {
    const { namespace = "", values = {} } = PROFILES[profile] ?? {};
    const templates = readdirSync(join(chart, "templates")).filter((name) => name.endsWith(".yaml"));
    const rendered = templates.flatMap((name) => {
      return documents(
        evaluate(readFileSync(join(chart, "templates", name), "utf8"), namespace, valuesOf(values)),
      );
    });
    expect(byId(rendered)).toEqual(byId(installation(profile)));
  });

  // Set HELM, or have helm in the PATH.
  test.skipIf(!helm).each(PROFILE_NAMES)("%s, by helm itself", (profile) => {
    const namespace = PROFILES[profile]?.namespace ?? "";
    const chosen = profile === "kubeadm" ? [] : ["--values", join(chart, "profiles", `${profile}.yaml`)];
    const args = [
      "template",
      "berth",
      chart,
      "--namespace",
      namespace,
      "--kube-version",
      "1.32.0",
      ...chosen,
    ];
    const { stdout, stderr, exitCode } = Bun.spawnSync([String(helm), ...args]);
    expect(stderr.toString()).toBe("");
    expect(exitCode).toBe(0);
    expect(byId(documents(stdout.toString()))).toEqual(byId(installation(profile)));
  });
});

function documents(text: string): Manifest[] {
  return parseAllDocuments(text, { version: "1.1" })
    .map((document) => document.toJS())
    .filter((document) => document !== null);
}

function byId(manifests: readonly Manifest[]): object {
  return Object.fromEntries(manifests.map((manifest) => [idOf(manifest), manifest]));
}

function lookUp(path: string, namespace: string, values: object): unknown {
  if (path === ".Release.Namespace") return namespace;
  const keys = path.replace(/^\.Values\./, "").split(".");
  return keys.reduce<unknown>((object, key) => Object(object)[key], values);
}

/** `if … end` around the whole, `toYaml … | nindent`, and plain values: nothing else may be in a template. */
function evaluate(template: string, namespace: string, values: object): string {
  const condition = /^\{\{- if (\S+) \}\}\n([\s\S]*)\{\{- end \}\}\n$/.exec(template);
  if (condition?.[1] && lookUp(condition[1], namespace, values) !== true) return "";
  const text = (condition?.[2] ?? template)
    .replace(/\{\{- toYaml (\S+) \| nindent \d+ \}\}/g, (_all, path) => {
      return JSON.stringify(lookUp(path, namespace, values));
    })
    .replace(/\{\{ (\S+) \}\}/g, (_all, path) => String(lookUp(path, namespace, values)));
  if (text.includes("{{")) throw new Error(`a construct of Helm that this test does not know: ${text}`);
  return text;
}
