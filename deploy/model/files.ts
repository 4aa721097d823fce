import { toYaml } from "../../src/cli/yaml.ts";
import type { Manifest } from "../../src/operator/workload/pod.ts";
import { crds } from "./crds.ts";
import { helmChart } from "./helm.ts";
import { PARTS } from "./parts.ts";
import { PROFILES, valuesOf } from "./values.ts";

const HEADER = "# Made from deploy/model by `make deploy`; edit that.\n";

/** All objects of an installation by its profile, but for the CRDs. */
export function installation(profile: string): readonly Manifest[] {
  const chosen = PROFILES[profile];
  if (chosen === undefined) return [];
  const context = { namespace: chosen.namespace, values: valuesOf(chosen.values) };
  const isOn = (when: keyof typeof context.values | undefined) => {
    const section: object = when ? context.values[when] : {};
    return !("enabled" in section) || section.enabled === true;
  };
  return PARTS.filter(({ when }) => isOn(when)).flatMap(({ manifests }) => manifests(context));
}

/** Every generated file below deploy/, by its path there. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const crdFiles = new Map(
    crds().map((crd) => [`crds/${crd.metadata.name}.yaml`, HEADER + toYaml([crd])] as const),
  );
  const manifests = Object.keys(PROFILES).map((profile) => {
    return [`manifests/${profile}.yaml`, HEADER + toYaml(installation(profile))] as const;
  });
  const chart = [...helmChart(crdFiles)].map(([path, text]) => [`helm/berth/${path}`, text] as const);
  return new Map([...crdFiles, ...manifests, ...chart]);
}
