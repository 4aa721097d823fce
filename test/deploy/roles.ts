import { PARTS } from "../../deploy/model/parts.ts";
import { valuesOf } from "../../deploy/model/values.ts";
import type { Double } from "../apiserver/double.ts";
import type { Json } from "../apiserver/json.ts";

/** Installs the service accounts and roles of deploy/ into a double that enforces them. */
export function withRoles(double: Double, namespace: string): Double {
  const manifests = PARTS.flatMap(({ manifests }) => manifests({ namespace, values: valuesOf({}) }));
  for (const manifest of manifests) {
    if (/Role|ServiceAccount/.test(manifest.kind)) double.seed(manifest as unknown as Json);
  }
  return double;
}
