import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { parseAddress } from "../ip/address.ts";
import { acquire } from "../store/contract.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import { History, historyPath, readHistory, recorded } from "./history.ts";

const DAY = 86_400_000;

describe("history", () => {
  let folder = "";
  let now = 1_000_000;
  let due: (() => void)[] = [];
  const lines: string[] = [];
  const clock: Clock = {
    now: () => now,
    elapsed: () => now,
    random: () => 0,
    after: (_, run) => {
      due.push(run);
      const cancel = () => {
        due = due.filter((other) => other !== run);
      };
      return { cancel };
    },
  };
  const open = (bounds?: { age: number; count: number }) =>
    History.open(historyPath(folder), clock, (_, msg) => lines.push(msg), bounds);
  const wish = (pod: string, uid?: string) => ({
    ...acquire("10.0.0.1-10.0.0.1/24", { pod, ...(uid !== undefined && { uid }) }),
    now,
  });
  const release = (pod: string) => ({ kind: "release", sandbox: `sandbox-${pod}`, ifname: "net1" }) as const;
  const shown = (query: { at?: number; pod?: string } = {}) => {
    const address = parseAddress("10.0.0.1");
    const subject = query.pod === undefined && address.ok ? { address: address.value } : {};
    return readHistory(historyPath(folder), { ...subject, ...query }).map(({ pod, from, until }) => {
      return `${pod} ${Date.parse(from)}-${until === undefined ? "" : Date.parse(until)}`;
    });
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-history-"));
    now = 1_000_000;
    due = [];
    lines.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("who held it when; nobody waits for the write; the file is for its owner alone", async () => {
    const history = open();
    const store = recorded(new MemoryStore(), history);
    await store.commit([wish("a")]);
    expect(shown()).toEqual([]);
    for (const run of due.splice(0)) run();
    expect(shown()).toEqual(["default/a 1000000-"]);
    now = 2_000_000;
    await store.commit([release("a")]);
    now = 3_000_000;
    await store.commit([wish("b")]);
    history.close();
    expect(shown()).toEqual(["default/b 3000000-", "default/a 1000000-2000000"]);
    expect(shown({ at: 1_500_000 })).toEqual(["default/a 1000000-2000000"]);
    expect(shown({ at: 2_500_000 })).toEqual([]);
    expect(shown({ pod: "default/b" })).toEqual(["default/b 3000000-"]);
    expect(statSync(historyPath(folder)).mode & 0o777).toBe(0o600);
  });

  test("ADD again, with another sandbox or with the uid, is the same holding", async () => {
    const history = open();
    const store = recorded(new MemoryStore(), history);
    await store.commit([wish("a")]);
    now += 5;
    await store.commit([{ ...wish("a", "u1"), owner: { ...wish("a", "u1").owner, sandbox: "new" } }]);
    history.close();
    expect(shown()).toEqual(["default/a 1000000-"]);
  });

  test("what a killed process did not write is found by comparing with the claims", async () => {
    const store = new MemoryStore();
    const before = open();
    await recorded(store, before).commit([wish("a")]);
    before.close();
    now = 2_000_000;
    await store.commit([release("a")]); // not taken down
    now = 2_500_000;
    await store.commit([wish("b")]); // nor this
    now = 3_000_000;
    const after = open();
    const claims = await store.claims({});
    if (!claims.ok) throw new Error();
    after.reconcile("memory", "node-a", claims.value);
    after.reconcile("memory", "node-a", claims.value);
    expect(shown()).toEqual(["default/b 2500000-", "default/a 1000000-2500000"]);
    now = 4_000_000;
    after.reconcile("memory", "node-b", []); // another node's holdings are not its to end
    expect(shown()[0]).toBe("default/b 2500000-");
    after.reconcile("memory", "node-a", []);
    expect(shown()[0]).toBe("default/b 2500000-4000000");
    after.close();
  });

  test("bounded by age and by count; what is held now stays", async () => {
    const history = open({ age: DAY, count: 3 });
    const store = recorded(new MemoryStore(), history);
    for (const pod of ["a", "b", "c", "d"]) {
      await store.commit([wish(pod)]);
      now += 1000;
      await store.commit([release(pod)]);
    }
    await store.commit([wish("e")]);
    history.flush();
    expect(shown().map((line) => line.split(" ")[0])).toEqual(["default/e", "default/d", "default/c"]);
    now += 2 * DAY;
    await store.commit([release("none"), wish("e")]);
    history.flush();
    expect(shown().map((line) => line.split(" ")[0])).toEqual(["default/e"]);
    history.close();
  });
});
