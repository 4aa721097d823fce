import { expect, test } from "bun:test";
import { parseCidr } from "../../ip/cidr.ts";
import { apiVersionOf, IP_POOLS, type IPPool } from "../../kube/objects.ts";
import { poolPatch } from "./patch.ts";

const range = parseCidr("10.0.0.0/24");
if (!range.ok) throw new Error(range.error.hint);
const pool = { networkName: "", range: range.value };

function object(managedFields?: readonly unknown[]): IPPool {
  return {
    apiVersion: apiVersionOf(IP_POOLS),
    kind: IP_POOLS.kind,
    metadata: { name: "10.0.0.0-24", ...(managedFields && { managedFields }) },
    spec: { range: "10.0.0.0/24", allocations: {} },
  };
}

test("managedFields are emptied where there are any, and left alone where there are none", () => {
  const emptying = { op: "add", path: "/metadata/managedFields", value: [{}] } as const;
  expect(poolPatch(pool, object([{ manager: "whereabouts" }]), [])).toContainEqual(emptying);
  expect(poolPatch(pool, object(), [])).not.toContainEqual(emptying);
});
