import { describe, expect, test } from "bun:test";
import { reserve } from "../../src/allocation/reservation.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { IP_POOLS, NODES, RESERVATIONS } from "../../src/kube/objects.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { keepingCrds, NAMESPACE } from "../store/cluster.ts";
import { entriesOf, reservationsOf } from "../store/ledger.ts";
import { GRACE, Trial } from "./trial.ts";

const trial = (seed = 1) => new Trial(seed).ready();
const held = (t: Trial) => entriesOf(t.double).length;
const all = (t: Trial) => [...entriesOf(t.double), ...reservationsOf(t.double)];
const why = (pass: { survey: { cases: readonly object[] } }) =>
  pass.survey.cases.map((one) => ("why" in one ? one.why : "kind" in one ? one.kind : ""));

describe("an address whose pod is gone", () => {
  test("comes back after two looks, with its reservation", async () => {
    const t = await trial();
    expect(await t.add("web", { uid: await t.pod("web") })).toBe("10.0.0.1");
    await t.remove("web");
    const first = await t.pass();
    expect(first).toMatchObject({ results: [], next: GRACE });
    expect(held(t)).toBe(1);
    await t.clock.advance(GRACE);
    const second = await t.pass();
    expect(second.results.map(({ mended }) => mended.kind)).toEqual(["done"]);
    expect(all(t)).toEqual([]);
  });

  test("a record of Go whereabouts, without uid and node", async () => {
    const t = await trial();
    await t.pod("web");
    await t.add("web", { node: "" });
    expect((await t.twice()).survey.live).toBe(1);
    await t.remove("web");
    await t.twice();
    expect(all(t)).toEqual([]);
  });

  test("both addresses of dual stack", async () => {
    const t = await trial();
    const uid = await t.pod("web");
    await t.add("web", { uid });
    await t.add("web", { uid, range: "fd00::/64", ifname: "net2" });
    await t.remove("web");
    await t.twice();
    expect(all(t)).toEqual([]);
  });

  test("its namesake in another network keeps the reservation of the same address there", async () => {
    const t = await trial();
    await t.add("web", { uid: await t.pod("web"), sandbox: "one" });
    await t.remove("web");
    const uid = await t.pod("web");
    expect(await t.add("web", { uid, sandbox: "two", networkName: "red" })).toBe("10.0.0.1");
    await t.twice(130_000);
    await t.twice(130_000);
    const names = t.double.objects(RESERVATIONS).map(({ metadata }) => (metadata as { name: string }).name);
    expect(names).toEqual(["red-10.0.0.1"]);
  });

  test("a StatefulSet's pod that came back under the same name: the first one's record goes, the second one's stays", async () => {
    const t = await trial();
    await t.add("web-0", { uid: await t.pod("web-0"), sandbox: "one" });
    await t.remove("web-0");
    const uid = await t.pod("web-0");
    expect(await t.add("web-0", { uid, sandbox: "two", ifname: "net2" })).toBe("10.0.0.2");
    expect(why(await t.twice())).toEqual(["pod_replaced"]);
    expect(entriesOf(t.double)).toEqual([expect.stringContaining(" two ")]);
  });

  test("a StatefulSet's pod that came back between the two looks keeps its own address; the old one goes", async () => {
    const t = await trial();
    await t.add("web-0", { uid: await t.pod("web-0"), sandbox: "one" });
    await t.remove("web-0");
    await t.pass();
    await t.clock.advance(GRACE);
    const uid = await t.pod("web-0");
    // Not the old one's: deleted by force it may still run on this node.
    expect(await t.add("web-0", { uid, sandbox: "two" })).toBe("10.0.0.2");
    expect((await t.twice()).survey.live).toBe(1);
    expect(all(t).map((line) => line.split(" ")[0])).toEqual(["10.0.0.2", "10.0.0.2"]);
  });

  test.each(["Succeeded", "Failed"])(
    "one that has ended (%s: completed, evicted) but is still listed",
    async (phase) => {
      const t = await trial();
      await t.add("job", { uid: await t.pod("job") });
      await t.status("job", { phase, reason: phase === "Failed" ? "Evicted" : "Completed" });
      expect(why(await t.twice())).toEqual(["pod_ended"]);
      expect(all(t)).toEqual([]);
    },
  );
});

describe("a live address is never freed", () => {
  test.each(["Pending", "Running", "Unknown"])("%s, without network-status", async (phase) => {
    const t = await trial();
    const uid = await t.pod("web", { phase });
    await t.add("web", { uid });
    expect((await t.twice()).survey).toMatchObject({ cases: [], live: 1 });
    expect(held(t)).toBe(1);
  });

  test("a pod that is being deleted still runs", async () => {
    const t = await trial();
    await t.add("web", { uid: await t.pod("web") });
    await t.terminate("web");
    expect((await t.twice()).survey.live).toBe(1);
    expect(held(t)).toBe(1);
  });

  test("a static pod: its mirror has another uid", async () => {
    const t = await trial();
    await t.pod("kube-vip", { annotations: { "kubernetes.io/config.hash": "abc" } });
    await t.add("kube-vip", { uid: "abc" });
    expect((await t.twice()).survey.live).toBe(1);
  });

  test("a pod listed as gone by a stale watch", async () => {
    const t = await trial();
    await t.pod("web");
    await t.add("web");
    // The watch misses the next pod of that name.
    await t.remove("web");
    await t.pass();
    t.double.faults.plant(
      { client: "reconciler", resource: "pods", verb: ["list", "watch"] },
      { do: "hang" },
    );
    t.double.gateway.breakWatches("test");
    await t.pod("web");
    await t.clock.advance(GRACE);
    const pass = await t.pass();
    expect(pass.results.map(({ mended }) => mended.kind)).toEqual(["changed"]);
    expect(held(t)).toBe(1);
  });

  test("deleted by force from a node that is down; freed when the node returns, or is gone", async () => {
    for (const end of ["returns", "is gone", "is out of service"]) {
      const t = await trial();
      await t.node("node-b");
      await t.add("web", { uid: await t.pod("web", { node: "node-b" }), node: "node-b" });
      await t.nodeReady("node-b", "Unknown");
      await t.remove("web");
      const kept = await t.twice();
      expect(kept.survey.remarks).toMatchObject([{ code: "node_down", podrefs: ["default/web"] }]);
      expect(held(t)).toBe(1);
      if (end === "returns") await t.nodeReady("node-b", "True");
      else if (end === "is gone") await t.removeNode("node-b");
      else {
        const taints = [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }];
        const patch = { type: "merge", patch: { spec: { taints } } } as const;
        await t.clock.run(t.client.patch(NODES, { name: "node-b" }, patch));
      }
      await t.twice();
      expect(all(t)).toEqual([]);
    }
  });

  test("a node that goes down between the two looks", async () => {
    const t = await trial();
    await t.add("web", { uid: await t.pod("web") });
    await t.remove("web");
    await t.pass();
    await t.nodeReady("node-a", "Unknown");
    await t.clock.advance(GRACE);
    await t.pass();
    expect(held(t)).toBe(1);
  });

  test("a record renewed between judgement and write", async () => {
    const t = await trial();
    await t.add("web", { uid: await t.pod("web"), sandbox: "one" });
    await t.remove("web");
    await t.pass();
    await t.clock.advance(GRACE);
    let renewed = false;
    // The next pod of that name takes the record over just before the patch is carried out.
    const run = () => {
      renewed = true;
      rename(t, "two");
    };
    t.double.faults.plant(
      { client: "reconciler", resource: "ippools", verb: "patch", times: 1 },
      { do: "run", run },
    );
    const pass = await t.pass();
    expect(renewed).toBe(true);
    expect(pass.results.map(({ mended }) => mended.kind)).toEqual(["changed"]);
    expect(entriesOf(t.double)).toEqual([expect.stringContaining(" two ")]);
  });

  test("a late DEL of what has been freed and given to another", async () => {
    const t = await trial();
    await t.add("old", { uid: await t.pod("old"), sandbox: "old" });
    await t.remove("old");
    await t.twice();
    expect(await t.add("new", { uid: await t.pod("new"), sandbox: "new" })).toBe("10.0.0.1");
    await t.del("old");
    expect(entriesOf(t.double)).toEqual([expect.stringContaining(" new ")]);
    expect(reservationsOf(t.double)).toHaveLength(1);
  });

  test("an empty podref, and one that names no pod, are kept and told", async () => {
    const t = await trial();
    await t.add("x");
    rename(t, "one", "");
    const first = await t.twice();
    expect(first.survey.remarks.filter(({ code }) => code === "no_owner")).not.toEqual([]);
    rename(t, "one", "nonsense");
    await t.twice();
    expect(held(t)).toBe(1);
  });

  test("what a person reserved is kept until its end", async () => {
    const t = await trial();
    const range = parseCidr("10.0.0.0/24");
    const address = parseAddress("10.0.0.9");
    if (!range.ok || !address.ok) throw new Error("constants");
    const pool = { networkName: "", range: range.value };
    const until = t.clock.now() + 3_600_000;
    const wish = reserve(pool, address.value, { by: "ops", reason: "router", until }, true, t.clock.now());
    await t.clock.run(t.store.commit([wish]));
    expect((await t.twice()).survey).toMatchObject({ cases: [], remarks: [] });
    expect(held(t)).toBe(1);
    await t.clock.advance(3_600_000);
    expect(why(await t.twice())).toContain("reservation_expired");
    expect(held(t)).toBe(0);
  });
});

describe("reservations", () => {
  test("one of a pod that is gone, without allocation, is deleted", async () => {
    const t = await trial();
    reservation(t, "10.0.0.7", "default/gone");
    await t.twice();
    expect(reservationsOf(t.double)).toEqual([]);
  });

  test("of a live pod: only after the longest time that an ADD may take", async () => {
    const t = await trial();
    await t.pod("slow");
    reservation(t, "10.0.0.7", "default/slow");
    await t.twice();
    expect(reservationsOf(t.double)).toHaveLength(1);
    await t.clock.advance(120_000);
    await t.pass();
    expect(reservationsOf(t.double)).toEqual([]);
  });

  test.each(["kept whole", "pruned"])(
    "one that an ADD takes over at the same moment stays (records are %s)",
    async (kind) => {
      const crds = kind === "pruned" ? "upstream" : keepingCrds();
      const t = await new Trial(1, { crds }).ready();
      const uid = await t.pod("web");
      reservation(t, "10.0.0.1", "default/web", { containerid: "sandbox-web", ifname: "net1", uid });
      await t.pass();
      await t.clock.advance(120_000);
      let added: Promise<string> | undefined;
      const run = () => {
        added = t.addNow("web", { uid });
      };
      const fault = { do: "delay", ms: 200 } as const;
      t.double.faults.plant(
        { client: "reconciler", resource: "overlappingrangeipreservations", verb: "delete" },
        fault,
      );
      t.double.faults.plant(
        { client: "reconciler", resource: "ippools", verb: "list" },
        { do: "run_after", run },
      );
      await t.pass();
      expect(await t.clock.run(added ?? Promise.reject(new Error("no ADD")))).toBe("10.0.0.1");
      await t.clock.advance(1_000);
      expect(all(t)).toHaveLength(2);
    },
  );

  test("one that was written after it was judged stays", async () => {
    const t = await trial();
    reservation(t, "10.0.0.7", "default/gone");
    await t.pass();
    await t.clock.advance(GRACE);
    const run = () =>
      t.raw("PATCH", "overlappingrangeipreservations/10.0.0.7", { spec: { containerid: "another" } });
    const call = {
      client: "reconciler",
      resource: "overlappingrangeipreservations",
      verb: "delete",
    } as const;
    t.double.faults.plant({ ...call, times: 1 }, { do: "run", run });
    expect((await t.pass()).results.map(({ mended }) => mended.kind)).toEqual(["changed"]);
    expect(reservationsOf(t.double)).toHaveLength(1);
  });

  test("of one owner's address in two pools: it stays while one of them is in use", async () => {
    const t = await trial();
    const uid = await t.pod("web");
    await t.add("web", { uid });
    await t.add("web", { uid: "earlier", range: "10.0.0.0/16", overlapCheck: false, node: "node-a" });
    expect(held(t)).toBe(2);
    await t.twice();
    expect(entriesOf(t.double)).toEqual([expect.stringContaining("10.0.0.0-24")]);
    expect(reservationsOf(t.double)).toHaveLength(1);
  });

  test("names of networks are no obstacle (whereabouts deleted all reservations of named networks)", async () => {
    const t = await trial();
    for (const [index, networkName] of ["blue", "Blue_net", "a-1", "x".repeat(250)].entries()) {
      const uid = await t.pod(`p${index}`);
      await t.add(`p${index}`, { uid, networkName });
      await t.add(`p${index}`, { uid, networkName, range: "fd00::/64", ifname: "net2" });
    }
    expect((await t.twice(180_000)).survey).toMatchObject({ cases: [], live: 8 });
    expect(t.double.objects(RESERVATIONS)).toHaveLength(8);
  });

  test("missing for a live pod: created where the overlap check is on", async () => {
    const t = await trial();
    attachment(t, "10.0.0.0/24", true);
    attachment(t, "10.9.0.0/24", false);
    await t.add("web", { uid: await t.pod("web"), overlapCheck: false });
    await t.add("off", { uid: await t.pod("off"), overlapCheck: false, range: "10.9.0.0/24" });
    await t.twice();
    expect(reservationsOf(t.double)).toEqual(["10.0.0.1 default/web net1"]);
  });

  test("held by another live pod: a duplicate, told and left alone", async () => {
    const t = await trial();
    attachment(t, "10.0.0.0/24", true);
    attachment(t, "10.0.0.0/16", true);
    await t.add("one", { uid: await t.pod("one") });
    await t.add("two", { uid: await t.pod("two"), overlapCheck: false, range: "10.0.0.0/16" });
    const { survey } = await t.twice();
    expect(survey.cases).toEqual([]);
    expect(survey.remarks).toMatchObject([
      { code: "address_twice", subject: "10.0.0.1", podrefs: ["default/two", "default/one"] },
    ]);
    expect(held(t)).toBe(2);
  });

  test("nothing is deleted while a pool cannot be read", async () => {
    const t = await trial();
    reservation(t, "10.0.0.7", "default/gone");
    t.double.seed({
      apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
      kind: "IPPool",
      metadata: { name: "broken", namespace: NAMESPACE },
      spec: { range: "10.x.0.0/24", allocations: { "7": { id: "x", podref: "default/gone" } } },
    });
    const { survey } = await t.twice();
    expect(survey.remarks.map(({ code }) => code).sort()).toEqual(["reservation_unknown", "unreadable"]);
    expect(reservationsOf(t.double)).toHaveLength(1);
  });
});

describe("faults", () => {
  const calls = [
    { resource: "pods", verb: "get" },
    { resource: "nodes", verb: "get" },
    { resource: "ippools", verb: "patch" },
    { resource: "overlappingrangeipreservations", verb: "delete" },
    { resource: "ippools", verb: "list" },
  ] as const;
  const faults = [
    { do: "answer", failure: ANSWERS.conflict("x", "y") },
    { do: "answer", failure: { code: 422, reason: "Invalid", message: "the server rejected our request" } },
    { do: "answer", failure: ANSWERS.tooManyRequests(1) },
    { do: "answer", failure: ANSWERS.internal },
    { do: "answer", failure: { code: 403, reason: "Forbidden", message: "forbidden" } },
    { do: "drop_before" },
    { do: "drop_after" },
    { do: "hang" },
  ] as const;
  for (const call of calls) {
    test(`${call.verb} ${call.resource}: whatever goes wrong, the address comes back afterwards and a live one stays`, async () => {
      for (const fault of faults) {
        const t = await trial();
        await t.add("live", { uid: await t.pod("live") });
        await t.add("gone", { uid: await t.pod("gone") });
        await t.remove("gone");
        await t.pass();
        await t.clock.advance(GRACE);
        t.double.faults.plant({ client: "reconciler", ...call }, fault);
        await t.pass();
        expect(entriesOf(t.double).filter((entry) => entry.includes("default/live"))).toHaveLength(1);
        t.double.faults.clear();
        await t.clock.advance(GRACE);
        await t.twice(180_000);
        await t.pass();
        expect(all(t)).toHaveLength(2);
        expect(all(t).every((one) => one.includes("default/live"))).toBe(true);
      }
    });
  }

  test("two reconcilers at once free everything once", async () => {
    const t = await trial();
    const other = await t.another();
    for (let at = 0; at < 20; at++) {
      await t.add(`p${at}`, { uid: await t.pod(`p${at}`) });
      if (at % 2 === 0) await t.remove(`p${at}`);
    }
    await t.clock.advance(10);
    for (let round = 0; round < 3; round++) {
      await Promise.all([t.clock.run(Promise.all([t.passes.run(), other.run()]))]);
      await t.clock.advance(GRACE);
    }
    expect(held(t)).toBe(10);
    expect(reservationsOf(t.double)).toHaveLength(10);
  });
});

/** Writes the one record of the pool 10.0.0.0-24 as another pod's, as its next ADD does. */
function rename(t: Trial, id: string, podref = "default/web"): void {
  const [pool] = t.double.objects(IP_POOLS);
  const { spec } = pool as unknown as { spec: { allocations: Record<string, object> } };
  const allocations = Object.fromEntries(
    Object.entries(spec.allocations).map(([offset, entry]) => [offset, { ...entry, id, podref }]),
  );
  t.raw("PATCH", `ippools/10.0.0.0-24`, { spec: { allocations } });
}

function reservation(t: Trial, address: string, podref: string, more: object = {}): void {
  t.double.seed({
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "OverlappingRangeIPReservation",
    metadata: { name: address, namespace: NAMESPACE },
    spec: { podref, ifname: "net1", ...more },
  });
}

function attachment(t: Trial, range: string, overlap: boolean): void {
  const ipam = { type: "whereabouts", range, enable_overlapping_ranges: overlap };
  t.double.seed({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: range.replace(/[./]/g, "-"), namespace: "default" },
    spec: { config: JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "bridge", ipam }) },
  });
}
