import { dirname, join } from "node:path";
import { flatFileCandidates } from "../config/index.ts";

export type NodeNameSources = {
  /** $NODENAME; "" counts as unset. */
  readonly env: string | undefined;
  /** `ipam.configuration_path`. */
  readonly configurationPath?: string;
  /** The text of a small file; undefined if there is none. */
  readonly readFile: (path: string) => string | undefined;
  /** What the system says, where not even /etc/hostname does. */
  readonly hostname: () => string;
};

/**
 * What Kubernetes calls this node: $NODENAME, else the file `nodename` that the installer of whereabouts writes, else /etc/hostname:
 * upstream's order. Besides `<configuration_path>/nodename` the file is looked for wherever the flat file may lie,
 * since the name of a host often is not that of its node.
 */
export function nodeName({ env, configurationPath, readFile, hostname }: NodeNameSources): string {
  if (env !== undefined && env.trim() !== "") return env.trim();
  for (const path of [...nodeNameFiles(configurationPath), "/etc/hostname"]) {
    const name = readFile(path)?.trim();
    if (name !== undefined && name !== "") return name;
  }
  return hostname();
}

function nodeNameFiles(configurationPath: string | undefined): string[] {
  const folders = flatFileCandidates(configurationPath).map(dirname);
  if (configurationPath !== undefined && configurationPath !== "") folders.unshift(configurationPath);
  return [...new Set(folders)].map((folder) => join(folder, "nodename"));
}
