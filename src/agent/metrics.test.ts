import { expect, test } from "bun:test";
import { Turns } from "../turns.ts";
import { Registry } from "./metrics.ts";
import { DEFAULT_SETTINGS, readSettings } from "./options.ts";

test("metrics are rendered in the text format of Prometheus, labels escaped, buckets cumulative", () => {
  const registry = new Registry();
  const counter = registry.counter("a_total", "Help.", ["verb", "text"]);
  counter.add(["ADD", 'a"b\\c\nd']);
  counter.add(["ADD", 'a"b\\c\nd'], 2);
  const histogram = registry.histogram("t_seconds", "Time.", ["verb"], [0.1, 1]);
  for (const value of [0.05, 0.5, 5]) histogram.observe(["DEL"], value);
  registry.gauge("g", "Gauge.", [], () => [[[], 7]]);
  expect(registry.render().split("\n")).toEqual([
    "# HELP a_total Help.",
    "# TYPE a_total counter",
    'a_total{verb="ADD",text="a\\"b\\\\c\\nd"} 3',
    "# HELP t_seconds Time.",
    "# TYPE t_seconds histogram",
    't_seconds_bucket{verb="DEL",le="0.1"} 1',
    't_seconds_bucket{verb="DEL",le="1"} 2',
    't_seconds_bucket{verb="DEL",le="+Inf"} 3',
    't_seconds_sum{verb="DEL"} 5.55',
    't_seconds_count{verb="DEL"} 3',
    "# HELP g Gauge.",
    "# TYPE g gauge",
    "g 7",
    "",
  ]);
  expect([histogram.quantile(["DEL"], 0.5), histogram.quantile(["ADD"], 0.5)]).toEqual([1, undefined]);
});

test("one metric keeps no more than a thousand combinations of labels", () => {
  const counter = new Registry().counter("a_total", "Help.", ["x"]);
  for (let index = 0; index < 5000; index++) counter.add([String(index)]);
  expect(counter.entries().length).toBe(1000);
});

test("turns: one after the other for a key, at once for others, and a failure hands on the turn", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = turns.take("a", async () => {
    await promise;
    order.push("a1");
    throw new Error("x");
  });
  const second = turns.take("a", async () => order.push("a2"));
  await turns.take("b", async () => order.push("b"));
  resolve();
  await expect(first).rejects.toThrow("x");
  await second;
  expect(order).toEqual(["b", "a1", "a2"]);
});

test.each([
  [{ logLevel: "loud" }, 'logLevel: "loud" is not one of debug, verbose, error, panic'],
  [{ maxCalls: 0 }, "maxCalls: 0 is not a whole number from 1 to 100000"],
  [{ metricsAddress: "9478" }, 'metricsAddress: "9478" is not HOST:PORT, such as 127.0.0.1:9478, or "off"'],
  [{ loglevel: "debug" }, "loglevel is no setting; is logLevel meant?"],
])("settings %j are refused with what would be right", (given, message) => {
  expect(readSettings(given, DEFAULT_SETTINGS)).toEqual({ ok: false, error: message });
});

test("settings as flags and as JSON", () => {
  const given = { metricsAddress: "[::1]:0", maxCalls: "7", logLevel: "error", sliceWriteDelay: "0" };
  const metrics = { hostname: "::1", port: 0 };
  const settings = { metrics, maxCalls: 7, logLevel: "error", sliceWriteDelay: 0 } as const;
  expect(readSettings(given, DEFAULT_SETTINGS)).toEqual({ ok: true, value: settings });
  expect(readSettings({ metricsAddress: "off" }, settings)).toMatchObject({ value: { metrics: undefined } });
});
