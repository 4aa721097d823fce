import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";
import { heldIn, leasesIn, namesIn, prepare, recordedNames } from "./cluster.ts";
import { CLUSTER_DEVIATIONS, DEVIATIONS, NEEDS_CLUSTER, WITHOUT_STORE } from "./deviations.ts";
import { type Case, Lab, readCases, recorded, recordedHeld } from "./replay.ts";

const seen = new Set<string>();

/** Registers the test of each case of a folder, or says why there is none. */
function cases(
  folder: string,
  skipped: { readonly [name: string]: string },
  deviations: typeof DEVIATIONS,
  body: (golden: Case, name: string) => Promise<void>,
): void {
  for (const golden of readCases(folder)) {
    const name = `${folder}/${golden.name}`;
    seen.add(name);
    const why = skipped[name];
    if (why !== undefined) {
      test.skip(`${name} ${why}`, () => undefined);
      continue;
    }
    const deviation = deviations[name];
    const title = deviation ? `${name}, on purpose otherwise: ${deviation.reason}` : name;
    test(title, () => body(golden, name), 40_000);
  }
}

describe.each(["static", "multus", "whereabouts"])("golden cases of %s, through dist/cni", (folder) => {
  const plugin = folder === "static" ? "static" : "whereabouts";
  cases(folder, NEEDS_CLUSTER, DEVIATIONS, async (golden, name) => {
    const deviation = DEVIATIONS[name];
    const lab = new Lab(golden, plugin === "whereabouts" && !WITHOUT_STORE.has(name));
    try {
      for (const call of golden.before ?? []) expect(await lab.run(plugin, call)).toEqual(recorded(call));
      expect(await lab.run(plugin, golden)).toEqual(deviation?.answer ?? recorded(golden));
      // The calls of Multus were recorded without the objects that they left.
      if (folder === "whereabouts") expect(lab.held()).toEqual(deviation?.held ?? recordedHeld(golden));
    } finally {
      lab.dispose();
    }
  });
});

describe("golden cases of whereabouts on a cluster, through dist/cni and a kubeconfig", () => {
  let server: RunningApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  });
  afterAll(() => server.stop());
  const deviations: typeof CLUSTER_DEVIATIONS = { ...DEVIATIONS, ...CLUSTER_DEVIATIONS };
  cases("whereabouts", {}, deviations, async (golden, name) => {
    const deviation = deviations[name];
    const lab = new Lab(golden, false);
    try {
      await prepare(server, golden, lab.path);
      for (const call of golden.before ?? [])
        expect(await lab.run("whereabouts", call)).toEqual(recorded(call));
      expect(await lab.run("whereabouts", golden)).toEqual(deviation?.answer ?? recorded(golden));
      expect(await heldIn(server)).toEqual(deviation?.held ?? recordedHeld(golden));
      const names = deviation?.names ?? (deviation?.held ? undefined : recordedNames(golden));
      if (names) expect(await namesIn(server)).toEqual(names);
      const seeded = (golden.seed ?? []).length > 0;
      if (!seeded) expect(await leasesIn(server)).toEqual([]);
    } finally {
      lab.dispose();
    }
  });
});

afterAll(() => {
  const lists = [DEVIATIONS, CLUSTER_DEVIATIONS, NEEDS_CLUSTER];
  const unknown = lists.flatMap(Object.keys).filter((name) => !seen.has(name));
  expect(unknown).toEqual([]);
});
