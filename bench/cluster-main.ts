/** The crowds on a cluster alone, as a page on standard output: what `make bench` measures among much else. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureCluster } from "./cluster.ts";
import { renderCluster } from "./cluster-results.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
try {
  const figures = await measureCluster(folder, (text) => process.stderr.write(`bench: ${text}\n`));
  process.stdout.write(renderCluster(figures));
} finally {
  rmSync(folder, { recursive: true });
}
