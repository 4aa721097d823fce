/**
 * `make sim NODES=1000 PODS=1`: a large cluster without faults, all pods at once, so many on each node. SHARED=1: on one range without
 * slices; OVERLAP=0: without the overlap check; SEED as for the campaigns.
 */
import { type CrowdOutcome, playCrowd, SHARED, SLICED } from "./crowd.ts";

const { env } = process;
const nodes = Number(env.NODES || 100);
const network = { ...(env.SHARED ? SHARED : SLICED), overlapCheck: env.OVERLAP !== "0" };
const outcome = playCrowd({ seed: Number(env.SEED || 1), nodes, pods: Number(env.PODS || 10), network });
process.stdout.write(`${describe(outcome).join("\n")}\n`);

function describe({ pods, failed, ready, shown, writes, reads, steps, wall, cpu }: CrowdOutcome): string[] {
  const peak = Math.round(process.resourceUsage().maxRSS / 1_024);
  const each = (count: number) => `${(count / pods).toFixed(2)} a pod`;
  return [
    `${pods} pods on ${nodes} nodes, each with an address of its own that the API server shows`,
    `the last address after ${ready.toFixed(0)} ms of virtual time; ADDs that failed before: ${failed}`,
    `the API server shows the last one after ${shown.toFixed(0)} ms`,
    `until the last address ${each(writes.ready)} written and ${each(reads.ready)} read at the API server`,
    `at rest ${each(writes.rest)} written and ${each(reads.rest)} read`,
    `${steps} steps in ${(cpu / 1_000).toFixed(1)} s of the processor, ${(wall / 1_000).toFixed(1)} s by the wall; ${peak} MiB at most`,
  ];
}
