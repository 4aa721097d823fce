import { expect, test } from "bun:test";
import { systemClock } from "../clock.ts";
import { err, ok } from "../result.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import type { StoreError } from "../store/store.ts";
import { Stores } from "./stores.ts";

const choice = { kind: "sqlite", path: "/nowhere/ipam.db" } as const;
const failure = (code: StoreError["code"]): StoreError => {
  return { code, retry: "transient", store: "sqlite /nowhere/ipam.db", message: "no", hint: "none" };
};
const caller = () => ({ deadline: systemClock.elapsed() + 5_000, gone: () => false });

/** Stores whose only one cannot be opened the first times. */
function failing(times: number, code: StoreError["code"]) {
  let left = times;
  const store = new MemoryStore();
  const open = () => (left-- > 0 ? err(failure(code)) : ok(store));
  return new Stores({ clock: systemClock, open, committed: () => undefined });
}

test("a store that is locked when it is first needed is opened again while the caller waits", async () => {
  const stores = failing(3, "store_busy");
  const store = stores.get(choice, caller());
  if (!store.ok) throw new Error(store.error.message);
  const outcome = await store.value.commit([{ kind: "release", sandbox: "s", ifname: "net1" }]);
  expect(outcome).toEqual(ok([{ kind: "released", claims: [] }]));
});

test("a store that cannot be opened is told at once", () => {
  const store = failing(1, "store_unavailable").get(choice, caller());
  expect(store.ok ? "opened" : store.error.code).toBe("store_unavailable");
});
