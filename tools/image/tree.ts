import { copyFileSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** The CA certificates of the build machine, for API servers whose kubeconfig names no authority of its own. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const LICENCE = "/usr/share/doc/libc6/copyright";
const PLUGINS = ["static", "dhcp", "whereabouts"];

/**
 * Puts the file system of the image below `root`: executables, what they are linked with, CA certificates. No shell, no
 * package manager, no users' database.
 */
export function buildTree(dist: string, root: string): void {
  rmSync(root, { recursive: true, force: true });
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(realpathSync(from), join(root, to));
  };
  put(join(dist, "berth"), "berth");
  for (const plugin of PLUGINS) put(join(dist, "cni", plugin), `cni/${plugin}`);
  const executables = [join(dist, "berth"), ...PLUGINS.map((plugin) => join(dist, "cni", plugin))];
  for (const library of new Set(executables.flatMap(librariesOf))) put(library, library);
  put(LICENCE, LICENCE);
  put(CERTIFICATES, CERTIFICATES);
}

/** Shared libraries and loader; none for a static executable. */
function librariesOf(executable: string): string[] {
  const { stdout, exitCode } = Bun.spawnSync(["ldd", executable]);
  if (exitCode !== 0) return [];
  return [...stdout.toString().matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}
