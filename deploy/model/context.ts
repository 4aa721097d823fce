import type { Manifest } from "../../src/operator/workload/pod.ts";
import type { WorkloadSettings } from "../../src/operator/workload/settings.ts";
import type { Values } from "./values.ts";

/** What a manifest is made from: values of an installation, or placeholders of a chart in their place. */
export type Context = { readonly namespace: string; readonly values: Values };

/** The manifests of one part, and the value that turns it on; always on without one. */
export type Part = {
  readonly file: string;
  readonly when?: keyof Values;
  readonly manifests: (context: Context) => readonly Manifest[];
};

export function workloadSettings({ namespace, values: { image } }: Context): WorkloadSettings {
  return {
    namespace,
    image: `${image.repository}:${image.tag}`,
    imagePullPolicy: image.pullPolicy,
    imagePullSecrets: image.pullSecrets,
  };
}
