import * as v from "valibot";
import type { Lease } from "../../dhcp/lease.ts";
import { leaseFromJson, leaseToJson, shiftLease } from "../../dhcp/lease-text.ts";
import type { Family } from "../../ip/address.ts";
import { err, ok, type Result } from "../../result.ts";

/** One lease of one interface as the journal keeps it: all that is needed to hold, extend and give it back. Bytes are in hex. */
const RECORD = v.object({
  sandbox: v.string(),
  ifname: v.string(),
  family: v.picklist([4, 6]),
  network: v.string(),
  pod: v.string(),
  netns: v.string(),
  /** Of the namespace, and the number of the interface in it. */
  identity: v.string(),
  index: v.number(),
  /** The interface of the node that reaches the same network (`Interface.parent`). */
  parent: v.exactOptional(v.string()),
  mac: v.string(),
  /** DHCPv4: option 61. DHCPv6: the DUID. */
  client: v.string(),
  hostName: v.string(),
  request: v.pipe(
    v.array(v.object({ option: v.number(), skipDefault: v.exactOptional(v.boolean()) })),
    v.readonly(),
  ),
  provide: v.record(v.string(), v.string()),
  broadcast: v.boolean(),
  probe: v.boolean(),
  onChange: v.picklist(["apply", "fail"]),
  priority: v.exactOptional(v.number()),
  /** The MAC address that the server's last answer came from: its own, or that of a relay. */
  via: v.exactOptional(v.string()),
  /** Milliseconds since 1970. */
  since: v.number(),
  /** `leaseToJson`, in wall time; absent while there is none any more. */
  lease: v.exactOptional(v.string()),
  /** Why there is none, or why it is not what the pod was given. */
  trouble: v.exactOptional(v.string()),
});

type Stored = v.InferOutput<typeof RECORD>;
export type LeaseRecord = Omit<Stored, "lease"> & { readonly family: Family; readonly lease?: Lease };

/** `shift` is what wall time shows more than the time of the lease, in milliseconds. */
export function recordToJson({ lease, ...rest }: LeaseRecord, shift: number): string {
  const stored: Stored = { ...rest, ...(lease && { lease: leaseToJson(shiftLease(lease, shift)) }) };
  return JSON.stringify(stored);
}

/** Reads what `recordToJson` wrote; the error says what is wrong with it. */
export function recordFromJson(text: string, shift: number): Result<LeaseRecord, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return err("not JSON");
  }
  const read = v.safeParse(RECORD, parsed, { abortEarly: true });
  if (!read.success) return err(`${v.getDotPath(read.issues[0]) ?? "record"}: ${read.issues[0].message}`);
  const { lease: stored, ...rest } = read.output;
  if (stored === undefined) return ok(rest);
  const lease = leaseFromJson(stored);
  return lease.ok
    ? ok({ ...rest, lease: shiftLease(lease.value, -shift) })
    : err(`lease: ${lease.error.hint}`);
}
