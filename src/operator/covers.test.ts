import { expect, test } from "bun:test";
import fc from "fast-check";
import type { KubeObject } from "../kube/api.ts";
import { covers } from "./covers.ts";

const object = (spec: object, metadata: object = {}): KubeObject & { spec: object } => {
  return { apiVersion: "v1", kind: "K", metadata: { name: "n", ...metadata }, spec };
};

test.each<[string, object, object, boolean]>([
  [
    "defaults and fields of others do not count",
    { a: 1, b: 2, c: { d: 1, e: 2 } },
    { a: 1, c: { d: 1 } },
    true,
  ],
  ["another value does", { a: 2 }, { a: 1 }, false],
  ["a missing one does", {}, { a: 1 }, false],
  ["lists have the same length", { a: [1, 2] }, { a: [1] }, false],
  ["and their items may have defaults", { a: [{ b: 1, c: 2 }] }, { a: [{ b: 1 }] }, true],
  ["in order", { a: [1, 2] }, { a: [2, 1] }, false],
  ["an empty list, text or false is not kept by the server", {}, { a: [], b: "", c: false }, true],
  ["but a true that is there is no false", { a: true }, { a: false }, false],
])("%s", (_what, live, wanted, expected) => {
  expect(covers(object(live), object(wanted))).toBe(expected);
});

test("owners in any order, and others besides", () => {
  const owner = (uid: string) => ({ apiVersion: "v1", kind: "K", name: uid, uid });
  const live = object({}, { ownerReferences: [owner("a"), owner("b")] });
  expect(covers(live, object({}, { ownerReferences: [owner("b")] }))).toBe(true);
  expect(covers(live, object({}, { ownerReferences: [owner("c")] }))).toBe(false);
});

test("everything covers itself, and does not when a leaf has changed", () => {
  const leaf = fc.oneof(fc.integer(), fc.string({ minLength: 1 }), fc.constant(true));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie("tree")),
      fc.dictionary(fc.stringMatching(/^[a-z]+$/), tie("tree")),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      expect(covers(object({ value }), object({ value }))).toBe(true);
      expect(covers(object({ value }), object({ value, more: "x" }))).toBe(false);
      expect(covers(object({ value, more: "x" }), object({ value }))).toBe(true);
    }),
  );
});
