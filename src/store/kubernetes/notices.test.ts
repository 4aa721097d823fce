import { expect, test } from "bun:test";
import { Double } from "../../../test/apiserver/double.ts";
import { keepingCrds, openOn, withoutPods } from "../../../test/store/cluster.ts";
import { parseCidr } from "../../ip/cidr.ts";
import type { Event } from "../../kube/objects.ts";

function pool() {
  const range = parseCidr("10.0.0.0/27");
  if (!range.ok) throw new Error(range.error.hint);
  return { networkName: "", range: range.value };
}

test("events: a pool at 80, 90 and 100 percent is told once each, a pod without address with the reason", async () => {
  const double = withoutPods(new Double({ crds: keepingCrds() }));
  const store = openOn(double);
  const { range } = pool();
  const free = [{ first: range.base + 1n, last: range.base + 10n }];
  const reasons = () =>
    double.objects({ group: "", plural: "events" }).map((object) => {
      const { reason, involvedObject } = object as unknown as Event;
      return [reason, involvedObject.name];
    });
  for (let index = 0; index < 11; index++) {
    const name = `p${index}`;
    const owner = { pod: { namespace: "default", name, uid: `u${index}` }, ifname: "net1", sandbox: name };
    const wants = [{ pool: pool(), free }];
    await store.commit([
      { kind: "acquire", owner, node: "a", network: "n", overlapCheck: true, wants, now: 1_000 },
    ]);
    if (index === 6) expect(reasons()).toEqual([]);
  }
  store.tellPod({ namespace: "default", name: "p10", uid: "u10" }, "no address for net1: full");
  await store.flush();
  expect(reasons().sort()).toEqual([
    ["AddressAllocationFailed", "p10"],
    ["AddressPoolFull", "10.0.0.0-27"],
    ["AddressPoolOver80Percent", "10.0.0.0-27"],
    ["AddressPoolOver90Percent", "10.0.0.0-27"],
  ]);
  store.close();
});
