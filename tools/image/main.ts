/**
 * Makes the container image without a container engine, from what `make build` has built:
 *
 *     bun tools/image/main.ts [ARCHIVE]      the OCI archive, dist/berth-image.tar; `ctr image import` takes it
 *     bun tools/image/main.ts --tree DIR     its file system alone, for the Dockerfile
 *
 * SOURCE_DATE_EPOCH is the time of everything in it; default 0.
 */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { DEFAULT_WORKLOAD_SETTINGS } from "../../src/operator/workload/settings.ts";
import { writeImage } from "./oci.ts";
import { buildTree } from "./tree.ts";

const dist = join(import.meta.dirname, "../../dist");
const [first, second] = process.argv.slice(2);
if (first === "--tree") {
  if (second === undefined) throw new Error("--tree wants a folder");
  buildTree(dist, second);
} else {
  const archive = first ?? join(dist, "berth-image.tar");
  const root = `${archive}.root`;
  buildTree(dist, root);
  const reference = DEFAULT_WORKLOAD_SETTINGS.image;
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0);
  writeImage(root, archive, { reference, version, architecture, epoch });
  rmSync(root, { recursive: true });
  const size = Math.round(statSync(archive).size / 1024 / 1024);
  process.stdout.write(`image: ${reference} for ${architecture} in ${archive}, ${size} MiB\n`);
}
