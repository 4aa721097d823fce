/** `make sim SEED=.. STEPS=..`: runs scenarios from a seed on, until so many steps are done or one breaks a promise. */
import { campaign } from "./campaign.ts";
import { report } from "./report.ts";

const seed = Number(process.env.SEED || Date.now() % 1_000_000);
const steps = Number(process.env.STEPS || 200_000);
const started = performance.now();
let told = started;

/** Steps a second: of a processor, which does not depend on what else the machine does, and by the clock on the wall. */
function speed(count: number): string {
  const { user, system } = process.cpuUsage();
  const ofProcessor = Math.round(count / ((user + system) / 1_000_000));
  const byTheWall = Math.round((1_000 * count) / (performance.now() - started));
  return `${ofProcessor} a processor's second, ${byTheWall} by the wall`;
}

const { scenarios, failure, coverage, ...total } = campaign(seed, steps, {}, ({ scenarios, steps: done }) => {
  if (performance.now() - told < 2_000) return;
  told = performance.now();
  const share = Math.floor((100 * done) / steps);
  process.stderr.write(`${share} %: ${done} steps, ${speed(done)}; next SEED=${seed + scenarios}\n`);
});
const kinds = [...coverage]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([kind, times]) => `  ${kind}: ${times}`);
process.stdout.write(`${kinds.join("\n")}\n`);
process.stdout.write(
  `${scenarios} scenarios from seed ${seed} to ${seed + scenarios - 1}, ${total.steps} steps, ${speed(total.steps)}\n`,
);
if (failure) {
  process.stdout.write(`${report(failure.scenario, failure.violation)}\n`);
  process.exitCode = 1;
} else process.stdout.write("every promise was kept\n");
