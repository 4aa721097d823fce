import { expect, test } from "bun:test";
import { acquire, summary } from "../../src/store/contract.ts";
import { Double } from "../apiserver/double.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, openOn } from "./cluster.ts";

test("a pod inherits from its namesake only once that one's node is gone: deleted by force it may still run, here too", async () => {
  const clock = new VirtualClock();
  const double = new Double({ clock, crds: keepingCrds() });
  const wire = double.connect({ client: "admin" });
  double.seed({ apiVersion: "v1", kind: "Node", metadata: { name: "node-a" } });
  const store = openOn(double, { clock });
  const add = async (uid: string) => {
    const answer = await clock.run(
      store.commit([acquire("10.0.0.0/24", { uid, sandbox: `sandbox-${uid}` })]),
    );
    return answer.ok ? answer.value.map(summary) : [answer.error.code];
  };
  expect(await add("u1")).toEqual(["10.0.0.1"]);
  expect(await add("u2")).toEqual(["10.0.0.2"]);
  await clock.run(wire.request({ method: "DELETE", path: "/api/v1/nodes/node-a", headers: {} }, 1_000));
  expect(await add("u3")).toEqual(["10.0.0.1"]);
  store.close();
  await clock.advance(100);
});
