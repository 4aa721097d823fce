import { stringify } from "yaml";

/**
 * Objects as a stream of YAML documents. Version 1.1, since that is what Kubernetes reads: a name such as `no` comes out
 * in quotes, and nothing is folded.
 */
export function toYaml(documents: readonly unknown[]): string {
  return documents
    .map(
      (document) =>
        `---\n${stringify(document, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false })}`,
    )
    .join("");
}
