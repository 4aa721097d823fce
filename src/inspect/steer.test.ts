import { expect, test } from "bun:test";
import { reserve } from "../allocation/reservation.ts";
import { parseAddress } from "../ip/address.ts";
import { parseCidr } from "../ip/cidr.ts";
import { acquire } from "../store/contract.ts";
import { MemoryStore } from "../store/memory/memory.ts";
import { planRelease, planReservation, releaseExpired } from "./steer.ts";

const range = parseCidr("10.0.0.0/24");
const addressOf = (text: string) => {
  const address = parseAddress(text);
  if (!address.ok) throw new Error(text);
  return address.value;
};

test("reservations end when their time is over, and nothing else does", async () => {
  const store = new MemoryStore();
  if (!range.ok) throw new Error();
  const pool = { networkName: "", range: range.value };
  const until = (text: string, end?: number) =>
    reserve(
      pool,
      addressOf(text),
      { by: "ops", reason: "x", ...(end !== undefined && { until: end }) },
      true,
      0,
    );
  await store.commit([
    acquire("10.0.0.0/24"),
    until("10.0.0.7", 100),
    until("10.0.0.8", 300),
    until("10.0.0.9"),
  ]);
  expect(await releaseExpired(store, 99)).toEqual({ ok: true, value: 0 });
  expect(await releaseExpired(store, 200)).toEqual({ ok: true, value: 1 });
  await store.commit([until("10.0.0.8", 900)]); // renewed
  expect(await releaseExpired(store, 400)).toEqual({ ok: true, value: 0 });
  const left = await store.claims({});
  expect(left.ok && left.value.map(({ address }) => Number(address.value & 255n))).toEqual([1, 8, 9]);
});

test("an address of several pools must be told apart; nobody's cannot be released", async () => {
  const store = new MemoryStore();
  await store.commit([acquire("10.0.0.0/24"), acquire("10.0.0.0/24", { pod: "b", networkName: "blue" })]);
  const address = addressOf("10.0.0.1");
  expect(await planRelease(store, address, {})).toMatchObject({
    ok: false,
    error: expect.stringContaining("several pools"),
  });
  expect(await planRelease(store, address, { networkName: "blue" })).toMatchObject({
    ok: true,
    value: { fromPod: true },
  });
  expect((await planRelease(store, addressOf("10.0.0.50"), {})).ok).toBe(false);
  const reservation = { by: "ops", reason: "x" };
  expect(await planReservation(store, addressOf("10.0.0.9"), reservation, {}, 0)).toMatchObject({
    ok: false,
    error: expect.stringContaining("several pools"),
  });
});
