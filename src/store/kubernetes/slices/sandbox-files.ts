import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readSandbox, type Sandbox } from "./sandboxes.ts";

/**
 * Where libcni keeps what it has added: the runtime's own networks, and those that Multus adds for it (its `cniDir`). There are
 * no other lists of sandboxes that every node has, whatever its runtime.
 */
export const CNI_CACHES: readonly string[] = ["/var/lib/cni/results", "/var/lib/cni/multus/results"];

/** A file is a configuration and a result, a few KiB; what is larger is something else. */
const MAX_BYTES = 1 << 20;
/** More sandboxes than any kubelet allows pods. */
const MAX_FILES = 20_000;

/** The attachments of whereabouts in the folders that exist; files that cannot be read are passed over, as are those of others. */
export function readSandboxes(folders: readonly string[]): Sandbox[] {
  const paths = folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  return paths.slice(0, MAX_FILES).flatMap((path) => readSandbox(contentOf(path)) ?? []);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not this runtime's
  }
}

function contentOf(path: string): string {
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size <= MAX_BYTES ? readFileSync(path, "utf8") : "";
  } catch {
    return ""; // its sandbox has just ended
  }
}
