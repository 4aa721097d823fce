import { join } from "node:path";

/**
 * The page's script, as one text. A macro: it runs while this program is built or read, so that the executable carries the
 * result and nobody who uses it needs a build step.
 */
export function bundlePage(): string {
  const entry = join(import.meta.dir, "page/app.ts");
  const command = [process.execPath, "build", "--minify", "--target=browser", entry];
  const { stdout, stderr, exitCode } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return stdout.toString();
}
