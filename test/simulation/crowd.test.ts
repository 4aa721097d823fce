import { expect, test } from "bun:test";
import { playCrowd, SHARED, SLICED } from "./crowd.ts";

const LIMIT = 120_000;
/** Figures that depend on the machine. */
const MACHINE = { wall: 0, cpu: 0 };

test(
  "10 nodes with slices serve 10 pods each, and the seed decides about all that is counted",
  () => {
    const scenario = { seed: 1, nodes: 10, pods: 10, network: SLICED };
    const { pods, failed, writes, ...rest } = playCrowd(scenario);
    expect({ pods, failed }).toEqual({ pods: 100, failed: 0 });
    expect(rest.shown).toBeGreaterThan(rest.ready);
    // Before the last address only slices are asked for; then come reservations and pools.
    expect(writes.ready).toBeLessThan(pods);
    expect(writes.rest).toBeGreaterThanOrEqual(pods);
    expect({ ...playCrowd(scenario), ...MACHINE }).toEqual({ pods, failed, writes, ...rest, ...MACHINE });
  },
  LIMIT,
);

test(
  "without the overlap check a node writes the addresses of its pods together",
  () => {
    const { pods, writes } = playCrowd({
      seed: 2,
      nodes: 10,
      pods: 20,
      network: { ...SLICED, overlapCheck: false },
    });
    expect(writes.rest).toBeLessThan(pods);
  },
  LIMIT,
);

test(
  "10 nodes share one range",
  () => {
    const { pods, writes } = playCrowd({ seed: 3, nodes: 10, pods: 4, network: SHARED });
    // An answer comes after its reservation.
    expect(writes.ready).toBeGreaterThanOrEqual(pods);
  },
  LIMIT,
);
