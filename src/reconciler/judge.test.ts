import { describe, expect, test } from "bun:test";
import { type Evidence, judge, type LivePod } from "./judge.ts";
import { Sightings } from "./sightings.ts";

const record = { podref: "default/web-0", uid: "u1", node: "a" };
const pod = (more: Partial<LivePod> = {}): LivePod => ({ uid: "u1", ended: false, ...more });
const verdict = (more: Partial<Evidence>) => {
  const { kind, why } = judge({ record, pod: pod(), node: "up", ...more });
  return `${kind}: ${why}`;
};

describe("whether an owner is gone", () => {
  test.each<[string, Partial<Evidence>, string]>([
    ["it runs", {}, "keep: live"],
    ["it runs, on a node that is down", { node: "down" }, "keep: live"],
    ["the record has no uid (Go whereabouts)", { record: { ...record, uid: "" } }, "keep: live"],
    [
      "a static pod: the uid is the hash of its manifest",
      { pod: pod({ uid: "x", configHash: "u1" }) },
      "keep: live",
    ],
    ["no such pod", { pod: undefined }, "gone: pod_gone"],
    ["no such pod, and the record names no node", { pod: undefined, node: undefined }, "gone: pod_gone"],
    ["no such pod, and no such node", { pod: undefined, node: "gone" }, "gone: pod_gone"],
    ["deleted by force from a node that is down", { pod: undefined, node: "down" }, "keep: node_down"],
    ["a StatefulSet's next pod of the name", { pod: pod({ uid: "u2" }) }, "gone: pod_replaced"],
    [
      "the next pod, while the first one's node is down",
      { pod: pod({ uid: "u2" }), node: "down" },
      "keep: node_down",
    ],
    ["completed, evicted or shut down", { pod: pod({ ended: true }) }, "gone: pod_ended"],
    [
      "evicted from a node that is down by now",
      { pod: pod({ ended: true }), node: "down" },
      "gone: pod_ended",
    ],
    ["a reservation of a person", { record: { ...record, podref: "" }, pod: undefined }, "keep: no_owner"],
    [
      "a podref that names no pod",
      { record: { ...record, podref: "web-0" }, pod: undefined },
      "keep: no_owner",
    ],
  ])("%s", (_, evidence, expected) => expect(verdict(evidence)).toBe(expected));
});

describe("sightings", () => {
  test("the second look counts after the grace time", () => {
    const sightings = new Sightings(30);
    expect(sightings.see("k", "m", 100)).toBe(30);
    expect(sightings.see("k", "m", 120)).toBe(10);
    expect(sightings.see("k", "m", 130)).toBe(0);
  });

  test("a change, or a look at which it is in use, starts anew", () => {
    const sightings = new Sightings(30);
    sightings.see("k", "m", 100);
    expect(sightings.see("k", "n", 200)).toBe(30);
    sightings.clear("k");
    expect(sightings.see("k", "n", 300)).toBe(30);
    sightings.keepOnly(new Set());
    expect(sightings.size).toBe(0);
  });
});
