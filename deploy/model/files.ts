import { toYaml } from "../../src/cli/yaml.ts";
import { crds } from "./crds.ts";

const HEADER = "# Made from deploy/model by `make deploy`; edit that.\n";

/** Every generated file below deploy/, by its path there. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const crd of crds()) files.set(`crds/${crd.metadata.name}.yaml`, HEADER + toYaml([crd]));
  return files;
}
