import { join } from "node:path";
import { type CrowdOutcome, playCrowd, SHARED, SLICED } from "../test/simulation/crowd.ts";
import { run } from "../test/simulation/run.ts";
import { generate } from "../test/simulation/scenario.ts";
import { table } from "./results.ts";

/** Scenarios with all faults, played for a while. Times in milliseconds. */
type CampaignFigures = {
  readonly steps: number;
  readonly scenarios: number;
  readonly broken: number;
  readonly wall: number;
  readonly cpu: number;
};

type CrowdRow = CrowdOutcome & { readonly what: string; readonly nodes: number };

export type SimulationFigures = { readonly campaign: CampaignFigures; readonly crowds: readonly CrowdRow[] };

const FIRST_SEED = 1;
/** Milliseconds of processor time. */
const CAMPAIGN = 10_000;
/** What takes less than a minute; docs/simulation.md has larger ones. Without slices each agent follows what all others write. */
const CROWDS = [
  { what: "node slices", nodes: 1_000, pods: 5, network: SLICED },
  {
    what: "node slices, no overlap check",
    nodes: 200,
    pods: 10,
    network: { ...SLICED, overlapCheck: false },
  },
  { what: "one shared range", nodes: 100, pods: 2, network: SHARED },
];

/** Each part in a process of its own, one after the other. */
export async function measureSimulation(): Promise<SimulationFigures> {
  const campaign: CampaignFigures = await inProcess("campaign");
  const crowds: CrowdRow[] = [];
  for (const at of CROWDS.keys()) crowds.push(await inProcess(String(at)));
  return { campaign, crowds };
}

/** The part of the page about the simulation. */
export function renderSimulation({ campaign, crowds }: SimulationFigures): string {
  const { steps, scenarios, broken, wall, cpu } = campaign;
  const rate = (ms: number) => Math.round((1_000 * steps) / ms).toLocaleString("en");
  return `## Simulation
Campaign with all faults, ${scenarios} scenarios from seed ${FIRST_SEED}, ${steps.toLocaleString("en")} steps, on one core: ${rate(cpu)} steps a second of processor
time, ${rate(wall)} by the wall; scenarios that broke a promise: ${broken}.

Below, clusters without faults, in virtual time: real agents and controller in one process with the double of test/apiserver, 1 to 5 ms one
way, all pods at once. Requests that the server refuses count as well. Each pod has an address of its own that the server shows at the end; else there is no row.

${table(
  [
    "network",
    "nodes",
    "pods",
    "all have addresses after, virtual ms",
    "the server shows all after",
    "failed ADDs",
    "writes a pod until then",
    "at rest",
    "reads a pod until then",
    "at rest",
    "CPU s of the run",
    "wall s",
  ],
  crowds.map(crowdRow),
)}`;
}

function crowdRow({ what, nodes, pods, ready, shown, failed, writes, reads, cpu, wall }: CrowdRow): string[] {
  const each = [writes.ready, writes.rest, reads.ready, reads.rest].map((count) => (count / pods).toFixed(2));
  const seconds = [cpu, wall].map((ms) => (ms / 1_000).toFixed(1));
  const count = (value: number) => value.toLocaleString("en");
  const times = [ready, shown].map((ms) => count(Math.round(ms)));
  return [what, count(nodes), count(pods), ...times, String(failed), ...each, ...seconds];
}

function playCampaign(): CampaignFigures {
  const started = performance.now();
  const usage = process.cpuUsage();
  let [steps, scenarios, broken, cpu] = [0, 0, 0, 0];
  while (cpu < CAMPAIGN) {
    const outcome = run(generate(FIRST_SEED + scenarios++));
    steps += outcome.steps;
    if (outcome.violation) broken++;
    const { user, system } = process.cpuUsage(usage);
    cpu = (user + system) / 1_000;
  }
  return { steps, scenarios, broken, wall: performance.now() - started, cpu };
}

function playPart(part: string): CampaignFigures | CrowdRow {
  const crowd = CROWDS[Number(part)];
  if (!crowd) return playCampaign();
  return { ...playCrowd({ seed: FIRST_SEED, ...crowd }), what: crowd.what, nodes: crowd.nodes };
}

async function inProcess<T>(part: string): Promise<T> {
  const bun = join(import.meta.dir, "../node_modules/.bin/bun");
  const child = Bun.spawn([bun, import.meta.path, part], { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0)
    throw new Error(`the simulation, part ${part}, ended with ${child.exitCode}`);
  return JSON.parse(text);
}

if (import.meta.main) {
  const [part] = process.argv.slice(2);
  const text =
    part === undefined ? renderSimulation(await measureSimulation()) : JSON.stringify(playPart(part));
  process.stdout.write(text);
}
