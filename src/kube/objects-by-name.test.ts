import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { KubeObject } from "./api.ts";
import { isNewer, ObjectsByName } from "./objects-by-name.ts";

function object(name: string, uid: string, version: number): KubeObject {
  const metadata = { name, namespace: "n", uid, resourceVersion: String(version) };
  return { apiVersion: "v1", kind: "Thing", metadata };
}

function empty() {
  return new ObjectsByName<KubeObject, string>(
    ({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`,
  );
}

const a = { name: "a", namespace: "n" };

describe("versions", () => {
  test("are compared as numbers of any length", () => {
    expect(isNewer("10", "9")).toBeTrue();
    expect(isNewer("9", "10")).toBeFalse();
    expect(isNewer("36893488147419103233", "36893488147419103232")).toBeTrue();
    expect(isNewer("7", "7")).toBeFalse();
  });

  test("that are no numbers count in the order of their arrival", () => {
    expect(isNewer("x2", "x1")).toBeTrue();
    expect(isNewer("x1", "x1")).toBeFalse();
  });
});

test("a successor under the same name is a deletion and an addition", () => {
  const objects = empty();
  objects.put(object("a", "u1", 1));
  expect(objects.put(object("a", "u2", 5))).toEqual([
    { type: "deleted", name: a, before: "u1@1" },
    { type: "added", name: a, value: "u2@5" },
  ]);
  expect(objects.size).toBe(1);
});

test("the deletion of a predecessor, told late, does not touch its successor", () => {
  const objects = empty();
  objects.put(object("a", "u2", 5));
  expect(objects.deleted(object("a", "u1", 4))).toEqual([]);
  expect(objects.get(a)).toBe("u2@5");
});

test("a list does not drop what we know in a newer version, nor bring back what we deleted after it began", () => {
  const objects = empty();
  objects.put(object("a", "u1", 3));
  const deletes = objects.startList();
  objects.learn(object("b", "u2", 12));
  objects.forget(a);
  expect(objects.replace([object("a", "u1", 3)], "10", deletes)).toEqual([]);
  expect([...objects.values()]).toEqual(["u2@12"]);
  // The next list began after the delete: a uid of ours that it still has would be the server's mistake.
  objects.replace([], "20", objects.startList());
  expect(objects.put(object("a", "u1", 21))).toHaveLength(1);
});

/** What a server tells of a few objects, in its own order, with our writes' answers thrown in at any later or earlier place. */
test("whatever the order in which answers of ours arrive beside the watch, the end is what the server has", () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    isDelete: fc.boolean(),
    isOurs: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.infiniteStream(fc.nat(20)), (steps, delays) => {
      const server = new Map<string, KubeObject>();
      const queue: { at: number; run: () => void }[] = [];
      const objects = empty();
      let version = 0;
      for (const [at, { name, isDelete, isOurs }] of steps.entries()) {
        version++;
        const before = server.get(name);
        if (isDelete && !before) continue;
        const next = object(name, before?.metadata.uid ?? `u${version}`, version);
        if (isDelete) server.delete(name);
        else server.set(name, next);
        // The watch lags by six steps; answers to our own writes come before or after.
        queue.push({ at: at + 6, run: () => void (isDelete ? objects.deleted(next) : objects.put(next)) });
        const uid = next.metadata.uid;
        const answer = () =>
          void (isDelete ? objects.forget({ name, namespace: "n" }, uid) : objects.learn(next));
        if (isOurs) queue.push({ at: at + (delays.next().value ?? 0), run: answer });
      }
      for (const { run } of queue.sort((x, y) => x.at - y.at)) run();
      const wanted = [...server.values()].map(
        ({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`,
      );
      expect([...objects.values()].sort()).toEqual(wanted.sort());
      expect(objects.size).toBe(wanted.length);
    }),
    { numRuns: 2000 },
  );
});

test("a list from before what is known means a restored backup: it alone counts", () => {
  const objects = empty();
  objects.put(object("a", "u1", 50));
  objects.put(object("b", "u2", 60));
  objects.replace([object("a", "u1", 5), object("c", "u3", 7)], "10", objects.startList());
  expect([...objects.values()].sort()).toEqual(["u1@5", "u3@7"]);
  expect(objects.horizon).toBe("10");
  objects.put(object("a", "u1", 11));
  expect(objects.get(a)).toBe("u1@11");
});
