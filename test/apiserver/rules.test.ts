import { describe, expect, test } from "bun:test";
import { ruleCauses, ruleErrors } from "./rules.ts";
import type { Schema } from "./schema.ts";

const rule = (text: string, message?: string) => ({
  "x-kubernetes-validations": [{ rule: text, ...(message !== undefined && { message }) }],
});
const SCHEMA: Schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      ...rule("self.range == oldSelf.range", "the range stays"),
      properties: {
        range: { type: "string", ...rule("isCIDR(self)") },
        entries: {
          type: "object",
          additionalProperties: {
            type: "object",
            ...rule("!has(oldSelf.node) || self.node == oldSelf.node"),
          },
        },
        slices: { type: "array", items: { type: "string", ...rule("self == oldSelf || self != ''") } },
      },
    },
  },
};
const told = (value: unknown, old?: unknown) =>
  ruleCauses(value, old, SCHEMA).map(({ field, message }) => `${field}: ${message}`);
const spec = (range: string, more: object = {}) => ({ spec: { range, ...more } });

describe("x-kubernetes-validations", () => {
  test("rules of a value hold at every write, those that name oldSelf at updates", () => {
    expect(told(spec("10.0.0.0/24"))).toEqual([]);
    expect(told(spec("10.0.0.0"))).toEqual([
      'spec.range: Invalid value: "string": failed rule: isCIDR(self)',
    ]);
    expect(told(spec("10.0.0.0/24"), spec("10.0.0.0/24"))).toEqual([]);
    expect(told(spec("10.0.0.0/16"), spec("10.0.0.0/24"))).toEqual([
      'spec: Invalid value: "object": the range stays',
    ]);
    expect(told(spec("10.0.0.0/16"), {})).toEqual([]);
  });

  test("values of maps are compared by key; items of lists have no earlier self", () => {
    const before = spec("::/64", { entries: { 1: { node: "a" }, 2: { node: "b" } }, slices: [""] });
    const after = spec("::/64", { entries: { 1: { node: "z" }, 2: { node: "b" }, 3: {} }, slices: [""] });
    expect(told(after, before)).toEqual([expect.stringContaining("spec.entries.1: Invalid value")]);
  });

  test("what cannot be evaluated is a failure, what cannot be compiled is found beforehand", () => {
    const broken: Schema = { type: "object", ...rule("self.nothing.here == 1") };
    expect(ruleCauses({}, undefined, broken)[0]?.message).toContain("rule evaluation failed");
    expect(ruleErrors(SCHEMA, "schema")).toEqual([]);
    const [error] = ruleErrors({ properties: { a: { type: "string", ...rule("isCDR(self)") } } }, "schema");
    expect(error?.field).toBe("schema.properties[a].x-kubernetes-validations[0].rule");
  });
});
