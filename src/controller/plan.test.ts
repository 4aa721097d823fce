import { describe, expect, test } from "bun:test";
import { parseCidr } from "../ip/cidr.ts";
import type { NodeSlicePool } from "../kube/objects.ts";
import {
  CLOSING,
  REALM,
  readRequest,
  readSlicePool,
  requestFor,
  returnOf,
} from "../store/kubernetes/slices/slice-pools.ts";
import { attachmentOf } from "./attachments.ts";
import { planController, type World } from "./plan.ts";

const RANGE = "10.5.0.0/26";

function cidr(text: string) {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

function attachment(name: string, size: string, more: object = {}) {
  const ipam = { type: "whereabouts", range: RANGE, node_slice_size: size, ...more };
  const config = JSON.stringify({ cniVersion: "1.0.0", name, type: "macvlan", ipam });
  const metadata = { name, namespace: "default" };
  const object = {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata,
    spec: { config },
  };
  return [attachmentOf(object)].filter((one) => one !== undefined);
}

function pool(name: string, slices: Record<string, string>, size = "/28", annotations = {}): NodeSlicePool {
  return {
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "NodeSlicePool",
    metadata: { name, namespace: "kube-system", annotations: { [REALM]: "", ...annotations } },
    spec: { range: RANGE, sliceSize: size },
    status: {
      allocations: Object.entries(slices).map(([sliceRange, nodeName]) => ({ nodeName, sliceRange })),
    },
  };
}

function wish(node: string, have = 0): NodeSlicePool {
  return requestFor("net", cidr(RANGE), 28, node, have, "kube-system");
}

/** `held`: how many addresses IPPools hold; nodes a and b exist; everything lasts long enough but the wait for slices. */
function plan(
  objects: readonly NodeSlicePool[],
  world: Partial<World> & { held?: Record<string, number> } = {},
) {
  const { held = {}, ...rest } = world;
  return planController(
    {
      attachments: attachment("net", "/28"),
      pools: objects.flatMap((object) => readSlicePool(object) ?? []),
      requests: objects.flatMap((object) => readRequest(object) ?? []),
      isNode: (name) => ["a", "b"].includes(name),
      use: (name) => (name in held ? { count: held[name] ?? 0 } : undefined),
      uses: () => [],
      lasts: (what, isSo) => isSo && !what.startsWith("draining"),
      keepsConditions: true,
      now: 0,
      ...rest,
    },
    1,
  );
}

/** `KIND OBJECT` of each step, and what a written pool gives to whom. */
function told({ steps }: ReturnType<typeof plan>): string[] {
  return steps.map((step) => {
    if (step.kind === "create") return `create ${step.name} /${step.wish.prefix}`;
    if (step.kind === "strike") return `strike ${step.request.object.metadata.name}`;
    if (step.kind === "drop") return `drop ${step.pool.name}`;
    const { slices, prefix, isClosing } = step.after;
    const given = slices.map(({ nodeName, sliceRange }) => `${nodeName}=${sliceRange}`).join(" ");
    return `write ${step.pool.name} /${prefix}${isClosing ? " closing" : ""} ${given}`.trim();
  });
}

describe("wishes", () => {
  test("a pool is made for an attachment, and its wishes wait until it is there", () => {
    expect(told(plan([wish("a")]))).toEqual(["create net /28"]);
  });

  test("all of them are one write, and struck out after it", () => {
    expect(told(plan([pool("net", {}), wish("a"), wish("b")]))).toEqual([
      "write net /28 a=10.5.0.0/28 b=10.5.0.16/28",
      expect.stringContaining("strike"),
      expect.stringContaining("strike"),
    ]);
  });

  test("one that is fulfilled is only struck out; one of a node that is gone too", () => {
    const given = pool("net", { "10.5.0.0/28": "a" });
    expect(told(plan([given, wish("a", 0)]))).toEqual([expect.stringContaining("strike")]);
    const gone = told(plan([pool("net", {}), wish("x")], { attachments: [] }));
    expect(gone).toContainEqual(expect.stringContaining("strike"));
  });

  test("where no slice is left the pool says so", () => {
    const full = pool("net", {
      "10.5.0.0/28": "a",
      "10.5.0.16/28": "a",
      "10.5.0.32/28": "a",
      "10.5.0.48/28": "a",
    });
    const { tales } = plan([full, wish("b")]);
    expect(tales.map(({ text }) => text.reason)).toEqual(["SlicesExhausted"]);
  });

  test("what upstream's controller has listed as free is given, and given back as it was", () => {
    const listed = pool("net", { "10.5.0.0/28": "", "10.5.0.16/28": "x" });
    expect(told(plan([listed, wish("a")]))[0]).toBe(
      "write net /28 10.5.0.16/28=".replace("10.5.0.16/28=", "=10.5.0.16/28 a=10.5.0.0/28"),
    );
  });
});

describe("what comes back", () => {
  const given = pool("net", { "10.5.0.0/28": "a", "10.5.0.16/28": "x" });
  const read = readSlicePool(given);
  if (!read) throw new Error("pool");
  const word = returnOf(read, "a", cidr("10.5.0.0/28"), "kube-system");

  test("a slice goes with its node's word, and what a gone node had goes by itself", () => {
    expect(told(plan([given, word]))).toEqual(["write net /28", expect.stringContaining("strike")]);
  });

  test("but not while an address in it is held", () => {
    const held = { "a-10.5.0.0-28": 1, "x-10.5.0.16-28": 1 };
    expect(told(plan([given, word], { held }))).toEqual([]);
  });

  test("the node that returned it gets another, whoever else may have it", () => {
    const steps = told(plan([pool("net", { "10.5.0.0/28": "a" }), word, wish("a", 0), wish("b")]));
    expect(steps[0]).toBe("write net /28 a=10.5.0.16/28 b=10.5.0.0/28");
  });
});

describe("attachments", () => {
  test("a pool that none wants is closed, and dropped when no node has a slice of it", () => {
    const none = { attachments: [] };
    expect(told(plan([pool("net", { "10.5.0.0/28": "a" })], none))).toEqual([
      "write net /28 closing a=10.5.0.0/28",
    ]);
    expect(told(plan([pool("net", {}, "/28", { [CLOSING]: "true" })], none))).toEqual(["drop net"]);
    expect(told(plan([pool("net", {}, "/28", { [CLOSING]: "true" })]))).toEqual(["write net /28"]);
  });

  test("while one cannot be read none is dropped: it may be the one that wants it", () => {
    const attachments = attachment("broken", "/28", { range: "10.5.0.0/33" });
    const { tales, steps } = plan([pool("net", {})], { attachments });
    expect(tales.map(({ text }) => text.reason)).toEqual(["InvalidSlices"]);
    expect(steps).toEqual([]);
  });

  test.each([
    ["is honoured where nothing is given", {}, {}, ["write net /27"], []],
    [
      "waits until what is empty has come back",
      { "10.5.0.0/28": "a" },
      {},
      ["write net /28 closing a=10.5.0.0/28"],
      [],
    ],
    [
      "is refused while an address is held",
      { "10.5.0.0/28": "a" },
      { "a-10.5.0.0-28": 1 },
      ["write net /28 a=10.5.0.0/28"], // the condition
      ["SliceSizeRefused"],
    ],
  ])(
    "another size %s",
    (_how, slices: Record<string, string>, held: Record<string, number>, steps, reasons) => {
      const world = { attachments: attachment("net", "/27"), held };
      const result = plan([pool("net", slices)], world);
      expect(told(result)).toEqual(steps);
      expect(result.tales.map(({ text }) => text.reason)).toEqual(reasons);
      const pruned = plan([pool("net", slices)], { ...world, keepsConditions: false });
      if (reasons.length > 0) expect(pruned.steps).toEqual([]);
    },
  );

  test("one node that returns nothing does not keep the others waiting for ever", () => {
    const world = { attachments: attachment("net", "/27"), lasts: (_what: string, isSo: boolean) => isSo };
    const there = pool("net", { "10.5.0.0/28": "a" });
    expect(told(plan([there, wish("b")], world))[0]).toBe("write net /28 a=10.5.0.0/28 b=10.5.0.16/28");
  });

  test("of two that disagree the one in force stays, whichever becomes known first", () => {
    const both = [
      ...attachment("net", "/27", { network_name: "n" }),
      ...attachment("two", "/28", { network_name: "n" }),
    ];
    const there = pool("n", {}, "/28", { [REALM]: "n" });
    for (const attachments of [both, both.toReversed()]) {
      const { steps, tales } = plan([there], { attachments });
      expect(steps).toEqual([]);
      expect(tales.map(({ about }) => about.name)).toEqual(["net"]);
      expect(told(plan([], { attachments }))).toEqual(["create n /27"]);
    }
  });
});
