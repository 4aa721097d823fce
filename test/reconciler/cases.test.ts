import { describe, expect, test } from "bun:test";
import { entriesOf, reservationsOf } from "../store/ledger.ts";
import { GRACE, Trial } from "./trial.ts";

const trial = () => new Trial().ready();

describe("a stranded address", () => {
  test("comes back after two looks, with its reservation", async () => {
    const t = await trial();
    const uid = await t.pod("web");
    expect(await t.add("web", { uid })).toBe("10.0.0.1");
    await t.remove("web");
    const first = await t.pass();
    expect(first.results).toEqual([]);
    expect(first.next).toBe(GRACE);
    expect(entriesOf(t.double)).toHaveLength(1);
    await t.clock.advance(GRACE);
    const second = await t.pass();
    expect(second.results.map(({ mended }) => mended.kind)).toEqual(["done"]);
    expect([...entriesOf(t.double), ...reservationsOf(t.double)]).toEqual([]);
  });

  test("of a live pod is kept", async () => {
    const t = await trial();
    const uid = await t.pod("web");
    await t.add("web", { uid });
    const { survey } = await t.twice();
    expect(survey).toMatchObject({ cases: [], remarks: [], allocations: 1, live: 1 });
    expect(entriesOf(t.double)).toHaveLength(1);
  });
});
