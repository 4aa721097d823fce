/**
 * Writes what deploy/model describes: CRDs, plain manifests and the Helm chart, so that the three cannot drift.
 *
 *     bun tools/deploy.ts           writes the files below deploy/
 *     bun tools/deploy.ts --check   exits 1 if one is stale, missing or left over
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedFiles } from "../deploy/model/files.ts";

const FOLDER = join(import.meta.dirname, "../deploy");
/** These hold nothing else. */
const GENERATED = ["crds", "manifests", "helm"];

function present(): string[] {
  return GENERATED.flatMap((folder) => {
    try {
      const entries = readdirSync(join(FOLDER, folder), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(FOLDER.length + 1));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
  });
}

const wanted = generatedFiles();
const existing = present();
const isFresh = (path: string, text: string) =>
  existing.includes(path) && readFileSync(join(FOLDER, path), "utf8") === text;
const stale = [...wanted].filter(([path, text]) => !isFresh(path, text)).map(([path]) => path);
const left = existing.filter((path) => !wanted.has(path));

if (process.argv.includes("--check")) {
  for (const path of [...stale, ...left])
    process.stderr.write(`deploy: deploy/${path} is stale: make deploy\n`);
  process.exit(stale.length + left.length > 0 ? 1 : 0);
}
for (const path of stale) {
  mkdirSync(dirname(join(FOLDER, path)), { recursive: true });
  writeFileSync(join(FOLDER, path), wanted.get(path) ?? "");
}
for (const path of left) rmSync(join(FOLDER, path));
process.stdout.write(`deploy: ${wanted.size} files, ${stale.length} written, ${left.length} removed\n`);
