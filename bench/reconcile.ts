import { join } from "node:path";
import { spawnServer } from "./cluster-server.ts";
import { measure } from "./measure.ts";
import { peakMeter } from "./peak.ts";

export type ReconcileRow = {
  readonly what: string;
  readonly wall: number;
  readonly cpu: number;
  /** MiB. */
  readonly peak: number;
  readonly calls: { readonly [verb: string]: number };
};

export const PODS = 50_000;
export const POOLS = 100;
export const STRANDED = 500;

/** What one comparison of a large cluster costs: nothing to do, and 500 addresses to free. */
export async function measureReconcile(folder: string): Promise<ReconcileRow[]> {
  const berth = join(import.meta.dir, "../dist/berth");
  const peak = peakMeter(folder);
  const rows: ReconcileRow[] = [];
  const sizes = [PODS, POOLS, STRANDED].map(String);
  const { child: server, lines } = spawnServer("reconcile-server.ts", sizes);
  try {
    const line = async () => String((await lines.next()).value);
    const kubeconfig = await line();
    const row = async (what: string, mode: readonly string[]) => {
      const program = { command: [berth, "reconcile", "--kubeconfig", kubeconfig, ...mode] };
      const { wall, cpu, exit } = await measure(program);
      if (exit !== 0) throw new Error(`${what}: exit code ${exit}`);
      server.stdin.write("counts\n");
      server.stdin.flush();
      const calls: ReconcileRow["calls"] = JSON.parse(await line());
      rows.push({ what, wall, cpu, peak: peak(program), calls });
      server.stdin.write("counts\n");
      server.stdin.flush();
      await line();
    };
    await row(`look only, ${STRANDED} stranded`, ["--dry-run"]);
    await row(`free ${STRANDED} (1 s of it is the grace time)`, ["--once", "--grace", "1s"]);
    await row("nothing to do", ["--once", "--grace", "1s"]);
    return rows;
  } finally {
    server.stdin.end();
    await server.exited;
  }
}
