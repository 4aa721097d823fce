import { afterAll, describe, expect, test } from "bun:test";
import { DEVIATIONS, NEEDS_CLUSTER, WITHOUT_STORE } from "./deviations.ts";
import { Lab, readCases, recorded, recordedHeld } from "./replay.ts";

const seen = new Set<string>();

describe.each(["static", "multus", "whereabouts"])("golden cases of %s, through dist/cni", (folder) => {
  const plugin = folder === "static" ? "static" : "whereabouts";
  for (const golden of readCases(folder)) {
    const name = `${folder}/${golden.name}`;
    seen.add(name);
    if (NEEDS_CLUSTER[name] !== undefined) {
      test.skip(`${name} ${NEEDS_CLUSTER[name]}`, () => undefined);
      continue;
    }
    const deviation = DEVIATIONS[name];
    test(deviation ? `${name}, on purpose otherwise: ${deviation.reason}` : name, async () => {
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
  }
});

afterAll(() => {
  const unknown = [DEVIATIONS, NEEDS_CLUSTER].flatMap(Object.keys).filter((name) => !seen.has(name));
  expect(unknown).toEqual([]);
});
