import { describe, expect, test } from "bun:test";
import { acquire } from "../../src/store/contract.ts";
import type { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import type { Json } from "../apiserver/json.ts";
import { BLOWS, type Blow, describeBlow, Trial } from "./killing.ts";
import { entriesOf, looseReservations, shared, unreserved } from "./ledger.ts";

const RANGES = ["10.0.0.0/24", "fd00::/64"];
/** No ADD asks more often. */
const MOST_CALLS = 40;

const before = acquire(RANGES, { pod: "a", uid: "old", sandbox: "sandbox-old" });
const after = acquire(RANGES, { pod: "a", uid: "new", sandbox: "sandbox-new" });
const release = (sandbox: string) => ({ kind: "release", sandbox, ifname: "net1" }) as const;

const inSandbox = ({ double }: Trial, sandbox: string) =>
  entriesOf(double)
    .filter((entry) => entry.includes(` ${sandbox} `))
    .map((entry) => entry.split(" ")[0]);

/** An ADD that may take over what the pod's namesake had on a node that is gone; the call of that number is struck. */
async function strike(staying: boolean, at: number, blow: Blow): Promise<boolean> {
  const trial = new Trial();
  const { double } = trial;
  await trial.clock.run(trial.open(false).store.commit([before]));
  const { store, wire } = trial.open(staying, at, blow);
  const [first] = await trial.commit(store, [after]);
  store.close();
  expect(shared(double)).toEqual([]);
  expect(unreserved(double)).toEqual([]);

  const second = trial.open(!staying).store;
  const [again] = await trial.commit(second, [after]);
  expect(again).toMatch(/^10\.0\.0\.\d+ fd00::[0-9a-f]+$/);
  if (first?.startsWith("10.")) expect(again).toBe(first);
  const mine = inSandbox(trial, "sandbox-new");
  expect(mine.join(" ")).toBe(again ?? "");
  expect(shared(double)).toEqual([]);
  expect(unreserved(double)).toEqual([]);

  // The runtime of the old pod is late: what the new one has taken over stays with its reservation.
  await trial.commit(second, [release("sandbox-old")]);
  expect(inSandbox(trial, "sandbox-new")).toEqual(mine);
  expect(unreserved(double)).toEqual([]);
  await trial.commit(second, [release("sandbox-new")]);
  expect(entriesOf(double)).toEqual([]);
  if (!blow.kind.startsWith("die")) expect(looseReservations(double)).toEqual([]);
  await close(trial, second);
  return wire.struck !== undefined;
}

async function close({ clock }: Trial, store: KubernetesStore): Promise<void> {
  store.close();
  await clock.advance(1_000);
}

describe.each([true, false])("takeover from a node that is gone (agent: %p)", (staying) => {
  for (const blow of BLOWS) {
    test(`every call, ${describeBlow(blow)}`, async () => {
      let at = 1;
      while (at <= MOST_CALLS && (await strike(staying, at, blow))) at++;
      expect(at).toBeGreaterThan(1);
      expect(at).toBeLessThan(MOST_CALLS);
    }, 60_000);
  }
});

describe("what is not proven gone keeps its addresses", () => {
  const pod = (uid: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace: "default", uid },
  });
  const refusal = { code: 403, reason: "Forbidden", message: "nodes is forbidden" };
  const cases: [string, (trial: Trial) => void][] = [
    [
      "a node that is there",
      ({ double }) => {
        const node: Json = { apiVersion: "v1", kind: "Node", metadata: { name: "node-a" } };
        double.seed(node);
      },
    ],
    [
      "a node that may not be read",
      ({ double }) => void double.faults.plant({ resource: "nodes" }, { do: "answer", failure: refusal }),
    ],
    [
      "a pod that may not be read",
      ({ double }) => void double.faults.plant({ resource: "pods" }, { do: "answer", failure: refusal }),
    ],
    ["a pod that hangs", ({ double }) => void double.faults.plant({ resource: "pods" }, { do: "hang" })],
  ];
  test.each(cases)("%s", async (_, prepare) => {
    const trial = new Trial();
    const { store } = trial.open(true);
    expect(await trial.commit(store, [before])).toEqual(["10.0.0.1 fd00::1"]);
    prepare(trial);
    const [given] = await trial.commit(store, [after]);
    // Better none than another pod's.
    expect(given).toMatch(/^(10\.0\.0\.2 fd00::2|store_unavailable)$/);
    expect(inSandbox(trial, "sandbox-old")).toEqual(["10.0.0.1", "fd00::1"]);
    await close(trial, store);
  });

  test("the pod itself, whose record names it by the uid that the API knows", async () => {
    const trial = new Trial();
    const { store } = trial.open(true);
    const { metadata } = trial.double.seed(pod("ignored"));
    const uid = String((metadata as Json).uid);
    const living = acquire(RANGES, { pod: "a", uid, sandbox: "sandbox-old" });
    expect(await trial.commit(store, [living])).toEqual(["10.0.0.1 fd00::1"]);
    expect(await trial.commit(store, [after])).toEqual(["10.0.0.2 fd00::2"]);
    expect(inSandbox(trial, "sandbox-old")).toEqual(["10.0.0.1", "fd00::1"]);
    await close(trial, store);
  });
});
