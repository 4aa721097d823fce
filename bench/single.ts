import { existsSync } from "node:fs";
import { join } from "node:path";
import { cniCall, hostLocalOn, NO_AGENT, ours, STATIC, theirs, whereaboutsOn } from "./calls.ts";
import { interleave, median, type Program, type Sample } from "./measure.ts";
import { peakMeter } from "./peak.ts";

const WARM_UP = 5;
const PEAK_RUNS = 5;

/** Medians of one kind of call; without figures where the program is not installed. */
export type CallRow = { what: string; figures?: { wall: number; cpu: number; peak: number } };

/** One call at a time, each a process of its own. */
export async function measureCalls(folder: string, runs: number, socket: string): Promise<CallRow[]> {
  const kinds = kindsOfCall(folder, socket);
  const present = kinds.filter(({ needs }) => existsSync(needs));
  const samples = await interleave(
    present.map(({ program }) => program),
    runs,
    WARM_UP,
  );
  const meter = peakMeter(folder);
  const peaks: number[][] = present.map(() => []);
  // ADD comes before DEL in the list, and the owners differ from those of the timed runs.
  for (let run = 0; run < PEAK_RUNS; run++) {
    for (const [index, { program }] of present.entries())
      peaks[index]?.push(meter(program(runs + WARM_UP + run)));
  }
  return kinds.map((kind) => {
    const index = present.indexOf(kind);
    if (index < 0) return { what: kind.what };
    const of = (key: keyof Sample) => median((samples[index] ?? []).map((sample) => sample[key]));
    return {
      what: kind.what,
      figures: { wall: of("wall"), cpu: of("cpu"), peak: median(peaks[index] ?? []) },
    };
  });
}

type Kind = { what: string; needs: string; program: (run: number) => Program };

function kindsOfCall(folder: string, socket: string): Kind[] {
  const ipam = whereaboutsOn(join(folder, "calls.db"), "10.0.0.0/8");
  const hostLocal = hostLocalOn(join(folder, "host-local"));
  const alone = whereaboutsOn(join(folder, "alone.db"), "10.0.0.0/8");
  const call = (what: string, path: string, verb: string, config = STATIC, agent = NO_AGENT): Kind => {
    return { what, needs: path, program: (run) => cniCall(path, verb, `c${run}`, config, agent) };
  };
  return [
    { what: "/bin/true", needs: "/bin/true", program: () => ({ command: ["/bin/true"] }) },
    call("Berth static ADD", ours("static"), "ADD", STATIC, socket),
    call("Berth static ADD, no agent", ours("static"), "ADD"),
    call("Go static ADD", theirs("static"), "ADD"),
    call("Berth whereabouts ADD, SQLite", ours("whereabouts"), "ADD", ipam, socket),
    call("Berth whereabouts ADD, SQLite, no agent", ours("whereabouts"), "ADD", alone),
    call("Go host-local ADD", theirs("host-local"), "ADD", hostLocal),
    call("Berth whereabouts DEL, SQLite", ours("whereabouts"), "DEL", ipam, socket),
    call("Berth whereabouts DEL, SQLite, no agent", ours("whereabouts"), "DEL", alone),
    call("Go host-local DEL", theirs("host-local"), "DEL", hostLocal),
  ];
}
