import type * as v from "valibot";
import { isObject } from "../cni/json.ts";
import type { Findings } from "./findings.ts";
import { readShape } from "./shape.ts";

/** The `ipam` of a network configuration; a key in other letter case counts, as in Go, where no exact one is. */
export function ipamOf(netconf: unknown): unknown {
  if (!isObject(netconf)) return undefined;
  if (Object.hasOwn(netconf, "ipam")) return netconf.ipam;
  return Object.entries(netconf).findLast(([key]) => key.toLowerCase() === "ipam")?.[1];
}

/** Reads `ipam` in the shape of a schema, or says why not. */
export function readIpam<S extends v.StrictObjectSchema<v.ObjectEntries, undefined>>(
  schema: S,
  ipam: unknown,
  found: Findings,
  reportsUnknownKeys = true,
): v.InferOutput<S> | undefined {
  if (ipam === undefined || ipam === null) {
    const hint = 'write an object such as {"type": "static"} under "ipam"';
    found.error("missing_ipam", { path: "ipam", value: ipam }, "IPAM config missing 'ipam' key", hint);
    return undefined;
  }
  return readShape(schema, ipam, "ipam", found, reportsUnknownKeys);
}
