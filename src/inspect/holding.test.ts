import { describe, expect, test } from "bun:test";
import { type Holding, mergeHoldings, wasHeldAt } from "./holding.ts";

const holding = (from: string, until?: string, more: Partial<Holding> = {}): Holding => ({
  address: "10.0.0.7",
  pod: "default/a",
  interface: "net1",
  node: "node-a",
  pool: "10.0.0.0/24",
  networkName: "",
  sandbox: "0123456789abc",
  from: from === "" ? "" : `2030-01-01T${from}:00.000Z`,
  ...(until !== undefined && { until: `2030-01-01T${until}:00.000Z` }),
  ...more,
});
const times = (holdings: readonly Holding[]) =>
  mergeHoldings(holdings).map(({ from, until }) => `${from.slice(11, 16)}-${until?.slice(11, 16) ?? ""}`);

describe("several sources", () => {
  test("the same holding is told once, with the end that anybody knows and the whole sandbox", () => {
    const whole = "0123456789abcdef";
    const both = [holding("10:00", undefined, { sandbox: whole }), holding("10:00", "11:00", { uid: "u" })];
    expect(mergeHoldings(both)).toEqual([holding("10:00", "11:00", { sandbox: whole, uid: "u" })]);
    expect(mergeHoldings(both.toReversed())).toEqual(mergeHoldings(both));
  });

  test("the same pod again later is another holding; newest first", () => {
    expect(times([holding("10:00", "11:00"), holding("12:00"), holding("11:00", "11:30")])).toEqual([
      "12:00-",
      "11:00-11:30",
      "10:00-11:00",
    ]);
  });

  test("another uid, pod, interface or pool is another holding", () => {
    const others = [{ uid: "v" }, { pod: "default/b" }, { interface: "net2" }, { pool: "10.0.0.0/16" }];
    for (const other of others) {
      expect(times([holding("10:00", "11:00", { uid: "u" }), holding("10:00", "11:00", other)])).toHaveLength(
        2,
      );
    }
  });

  test("a beginning that one source does not know is the other's", () => {
    expect(times([holding("", "11:00"), holding("10:00", "11:00")])).toEqual(["10:00-11:00"]);
  });
});

test("held at a time: from its beginning, until just before its end", () => {
  const at = (time: string) => Date.parse(`2030-01-01T${time}:00.000Z`);
  const one = holding("10:00", "11:00");
  expect([at("09:59"), at("10:00"), at("10:59"), at("11:00")].map((time) => wasHeldAt(one, time))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(wasHeldAt(holding(""), at("09:00"))).toBe(true);
});
