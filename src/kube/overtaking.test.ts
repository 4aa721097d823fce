import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualClock } from "../../test/virtual-clock.ts";
import { Overtaking, uidOf } from "./overtaking.ts";

const FILLING = "x".repeat(10_000);

function event(type: string, name: string, version: number, filling = FILLING): string {
  const metadata = { name, resourceVersion: String(version), uid: `uid-of-${name}` };
  return JSON.stringify({ type, object: { apiVersion: "v1", kind: "Thing", metadata, filling } });
}

/** `type name version` of the lines in the order in which they are told. */
function reader() {
  const clock = new VirtualClock();
  const told: string[] = [];
  const lines = new Overtaking(clock, (line) => {
    const { type, object } = JSON.parse(line);
    told.push(`${type} ${object.metadata.name ?? ""} ${object.metadata.resourceVersion}`);
  });
  return { clock, told, lines };
}

describe("events of large objects", () => {
  test("the first is told at once, of those that follow closely the newest", async () => {
    const { clock, told, lines } = reader();
    for (let version = 1; version <= 5; version++) lines.push(event("MODIFIED", "a", version));
    expect(told).toEqual(["MODIFIED a 1"]);
    await clock.advance(25);
    expect(told).toEqual(["MODIFIED a 1", "MODIFIED a 5"]);
    await clock.advance(25);
    lines.push(event("MODIFIED", "a", 6));
    expect(told.at(-1)).toBe("MODIFIED a 6");
  });

  test("what comes between keeps its place before the newest", async () => {
    const { clock, told, lines } = reader();
    const bookmark = { type: "BOOKMARK", object: { metadata: { resourceVersion: "4" } } };
    lines.push(event("MODIFIED", "a", 1));
    lines.push(event("MODIFIED", "a", 2));
    lines.push(event("MODIFIED", "b", 3));
    lines.push(JSON.stringify(bookmark));
    lines.push(event("DELETED", "b", 5));
    lines.push(event("MODIFIED", "a", 6));
    lines.push(event("MODIFIED", "small", 7, ""));
    await clock.advance(25);
    const rest = ["MODIFIED b 3", "BOOKMARK  4", "DELETED b 5", "MODIFIED a 6", "MODIFIED small 7"];
    expect(told).toEqual(["MODIFIED a 1", ...rest]);
  });

  test("none waits longer than a fifth of a second, and none beyond the end of its watch", async () => {
    const { clock, told, lines } = reader();
    const huge = "x".repeat(1_000_000);
    lines.push(event("MODIFIED", "a", 1, huge));
    lines.push(event("MODIFIED", "a", 2, huge));
    await clock.advance(200);
    expect(told.length).toBe(2);
    lines.push(event("MODIFIED", "a", 3, huge));
    lines.flush();
    expect(told.length).toBe(3);
    lines.push(event("MODIFIED", "a", 4, huge));
    lines.drop();
    await clock.advance(1_000);
    expect(told.length).toBe(3);
  });

  test("small ones are told at once", () => {
    const { told, lines } = reader();
    for (let version = 1; version <= 3; version++) lines.push(event("MODIFIED", "a", version, ""));
    expect(told.length).toBe(3);
  });
});

describe("the uid of an event", () => {
  const text = fc.string({ unit: "grapheme" });
  const labels = fc.dictionary(fc.oneof(text, fc.constantFrom("uid", "name")), text);
  const owners = fc.array(fc.record({ uid: text, name: text }));
  const managed = fc.array(
    fc.record({ manager: text, fieldsV1: fc.dictionary(text, fc.dictionary(text, fc.constant({}))) }),
  );

  test("is that of the object and not of anything inside", () => {
    const metadata = fc.record({ labels, managedFields: managed, annotations: labels, owners });
    fc.assert(
      fc.property(metadata, fc.uuid(), (parts, uid) => {
        const { annotations, managedFields, owners } = parts;
        const sorted = {
          annotations,
          labels: parts.labels,
          managedFields,
          name: "a",
          ownerReferences: owners,
          uid,
        };
        const unsorted = { name: "a", uid, ...parts };
        for (const metadata of [sorted, unsorted]) {
          const object = { apiVersion: "v1", kind: "Thing", metadata, spec: { uid: "other" } };
          expect(uidOf(JSON.stringify({ type: "MODIFIED", object }))).toBe(uid);
        }
      }),
    );
  });

  test.each([
    ['{"type":"DELETED","object":{"metadata":{"uid":"u"}}}'],
    ['{"type":"BOOKMARK","object":{"metadata":{"uid":"u"}}}'],
    ['{"type":"MODIFIED","object":{"spec":{"metadata":{"uid":"u"}}}}'],
    ['{"type":"MODIFIED","object":{"metadata":{"name":"n"}}}'],
    ['{"type":"MODIFIED","object":{"metadata":{"labels":{"uid":"u"}}}}'],
    ['{"type":"MODIFIED","object":{"metadata":{"name":"n'],
    ["not JSON"],
  ])("%s has none", (line) => {
    expect(uidOf(line)).toBeUndefined();
  });
});
