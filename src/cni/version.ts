/** Every version of the CNI specification, oldest first. */
export const CNI_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof CNI_VERSIONS)[number];

/** The version of a configuration; an absent or empty one means 0.1.0. */
export function cniVersionOf(text: string): CniVersion | undefined {
  return text === "" ? "0.1.0" : CNI_VERSIONS.find((version) => version === text);
}

export function atLeast(version: CniVersion, least: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(least);
}

/** The answer to VERSION. */
export function renderVersions(): string {
  return `${JSON.stringify({ cniVersion: CNI_VERSIONS.at(-1), supportedVersions: CNI_VERSIONS })}\n`;
}
